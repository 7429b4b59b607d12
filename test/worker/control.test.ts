import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openControl } from '../../src/worker/control.ts';
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

test('a thread sees the stop word, and what it says is seen, while it runs without pause', async () => {
  const control = openControl();
  control.begin(3);
  const source = `
    import { workerData, parentPort } from 'node:worker_threads';
    const { openControl } = await import(workerData.file);
    const control = openControl(workerData.memory);
    control.setCurrent(3, 41);
    parentPort.postMessage('running');
    while (!control.stopped(3));
    control.setCurrent(3, null);
    parentPort.postMessage('stopped');
  `;
  const file = new URL('../../src/worker/control.ts', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { file, memory: control.memory },
  });
  expect(await once(worker, 'message')).toEqual(['running']);
  expect(control.current(3)).toBe(41);
  control.stop(3);
  expect(await once(worker, 'message')).toEqual(['stopped']);
  expect(control.current(3)).toBeNull();
  await once(worker, 'exit');
});
