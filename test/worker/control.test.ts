import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type Control, openControl } from '../../src/worker/control.ts';
import { leaseCount, relayLease } from '../../src/policy/shards.ts';
import { maxSlots } from '../../src/worker/turn.ts';

const slot = fc.integer({ min: 0, max: maxSlots - 1 });
const step = fc.oneof(
  fc.record({ do: fc.constant('begin' as const), slot }),
  fc.record({ do: fc.constant('stop' as const), slot }),
  fc.record({ do: fc.constant('setCurrent' as const), slot, index: fc.option(fc.nat({ max: 63 })) }),
);

test('each slot has words of its own, the same on both sides of the shared memory', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const main = openControl();
      const thread = openControl(main.memory);
      const expected = new Map<number, { stopped: boolean; current: number | null }>();
      for (const action of steps) {
        const known = expected.get(action.slot) ?? { stopped: false, current: null };
        if (action.do === 'begin') {
          main.begin(action.slot);
          expected.set(action.slot, { stopped: false, current: null });
        } else if (action.do === 'stop') {
          main.stop(action.slot);
          expected.set(action.slot, { ...known, stopped: true });
        } else {
          thread.setCurrent(action.slot, action.index);
          expected.set(action.slot, { ...known, current: action.index });
        }
      }
      for (const [at, words] of expected) {
        expect({ stopped: thread.stopped(at), current: main.current(at) }).toEqual(words);
      }
      const untouched = [0, maxSlots - 1].filter((at) => !expected.has(at));
      for (const at of untouched) expect([main.stopped(at), main.current(at)]).toEqual([false, null]);
    }),
  );
});

/** Runs `program` in a thread that shares the control memory. */
function startThread(control: Control, program: string): Worker {
  const source = `
    import { workerData, parentPort } from 'node:worker_threads';
    const { openControl } = await import(workerData.file);
    const control = openControl(workerData.memory);
    ${program}
  `;
  const file = new URL('../../src/worker/control.ts', import.meta.url).href;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { file, memory: control.memory },
  });
}

test('a thread that runs without pause sees the stop word, and others see what it writes', async () => {
  const control = openControl();
  control.begin(3);
  const worker = startThread(
    control,
    `control.setCurrent(3, 41);
    parentPort.postMessage('running');
    while (!control.stopped(3));
    control.setCurrent(3, null);
    parentPort.postMessage('stopped');`,
  );
  // Its last message may come in the same moment as its end.
  const ended = once(worker, 'exit');
  expect(await once(worker, 'message')).toEqual(['running']);
  expect(control.current(3)).toBe(41);
  control.stop(3);
  expect(await once(worker, 'message')).toEqual(['stopped']);
  expect(control.current(3)).toBeNull();
  await ended;
});

const lease = fc.record({ index: fc.integer({ min: 0, max: leaseCount - 1 }), epoch: fc.nat({ max: 3 }) });

test('a lease is trusted under the epoch that was trusted last, and under no other', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ lease, trusted: fc.boolean() }), { maxLength: 30 }), (steps) => {
      const main = openControl();
      const thread = openControl(main.memory);
      const expected = new Map<number, number | null>();
      for (const { lease: given, trusted } of steps) {
        main.trust(given, trusted ? 3_600_000 : 0);
        expected.set(given.index, trusted ? given.epoch : null);
      }
      for (let index = 0; index < leaseCount; index += 1) {
        const trusted = [0, 1, 2, 3].filter((epoch) => thread.trusts({ index, epoch }));
        const epoch = expected.get(index) ?? null;
        expect({ index, trusted }).toEqual({ index, trusted: epoch === null ? [] : [epoch] });
      }
    }),
  );
});

test.each([0, -1, -Infinity])('a lease that is trusted for %s ms more is not trusted', (forMs) => {
  const control = openControl();
  control.trust({ index: relayLease, epoch: 7 }, forMs);
  expect(control.trusts({ index: relayLease, epoch: 7 })).toBe(false);
});

test.each([
  ['its successor’s', 8],
  ['the relay’s of another owner', 1],
  ['nobody’s', 0],
])(
  'an epoch is never trusted with a deadline that is %s, wherever a change comes between the two loads',
  (_, epoch) => {
    for (const loads of [1, 2]) {
      const control = openControl();
      const owned = { index: relayLease, epoch: 7 };
      control.trust(owned, 0);
      let left = loads;
      const { load } = Atomics;
      const loading = vi
        .spyOn(Atomics, 'load')
        .mockImplementation((words: BigInt64Array | BigUint64Array, at: number) => {
          const value = load(words, at);
          left -= 1;
          if (left === 0) control.trust({ ...owned, epoch }, 3_600_000);
          return value;
        });
      const trusted = control.trusts(owned);
      loading.mockRestore();
      expect({ loads, trusted }).toEqual({ loads, trusted: false });
    }
  },
);

test('the words of slots and leases do not overlap', () => {
  const control = openControl();
  control.trust({ index: 0, epoch: 1 }, 3_600_000);
  expect([control.stopped(maxSlots - 1), control.current(maxSlots - 1)]).toEqual([false, null]);
  control.stop(maxSlots - 1);
  control.setCurrent(maxSlots - 1, 63);
  expect(control.trusts({ index: 0, epoch: 1 })).toBe(true);
});

test('a thread that runs without pause sees that a lease is over, and trusts it again when it is renewed', async () => {
  const control = openControl();
  const under = { index: 5, epoch: 2 };
  control.trust(under, 50);
  const worker = startThread(
    control,
    `const under = ${JSON.stringify(under)};
    while (control.trusts(under));
    parentPort.postMessage(control.trusts({ index: 5, epoch: 1 }) ? 'another epoch' : 'over');
    while (!control.trusts(under));
    parentPort.postMessage('renewed');
    while (control.trusts(under));
    parentPort.postMessage('taken');`,
  );
  const ended = once(worker, 'exit');
  expect(await once(worker, 'message')).toEqual(['over']);
  control.trust(under, 3_600_000);
  expect(await once(worker, 'message')).toEqual(['renewed']);
  control.trust({ ...under, epoch: 3 }, 3_600_000);
  expect(await once(worker, 'message')).toEqual(['taken']);
  await ended;
});
