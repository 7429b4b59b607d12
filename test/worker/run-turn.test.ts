import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AttemptResult, Attempt } from '../../src/worker/deliver.ts';
import type { Control } from '../../src/worker/control.ts';
import { runTurn } from '../../src/worker/run-turn.ts';
import type { Turn } from '../../src/worker/turn.ts';
import { eventually } from '../support/eventually.ts';
import { aLease, resultOf, makeTurn, openTrustingControl } from './made-up-turn.ts';

// The time of a turn stands still unless a test moves it.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const yieldToOthers = () => new Promise<void>((resolve) => setImmediate(resolve));

type Result = AttemptResult | null;

/** Runs a turn with made-up results; rows become durable at once, or when `write` is called for the oldest. */
function start(turn: Turn, answer: (index: number) => Result | Promise<Result>, { held = false } = {}) {
  const control = openTrustingControl();
  control.begin(turn.slot);
  const attempts: Attempt[] = [];
  const durable: string[] = [];
  const waiting: (() => void)[] = [];
  const running = { done: false };
  const ended = runTurn(turn, {
    control,
    version: '1.2.3',
    async deliver(attempt) {
      attempts.push(attempt);
      expect(control.current(turn.slot)).toBe(turn.events.indexOf(attempt.event));
      return await answer(attempts.length - 1);
    },
    recorder: {
      record: () => (held ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
    },
    onRecorded: (row) => durable.push(row.eventId),
  });
  const report = ended.then((turnEnded) => turnEnded.report);
  void report.then(() => (running.done = true));
  return { report, ended, control, attempts, durable, running, waiting, write: () => waiting.shift()!() };
}

/** Lets everything run that waits for nothing but the event loop. */
async function settle(): Promise<void> {
  for (let round = 0; round < 50; round += 1) await yieldToOthers();
}

test('events are sent one after another in their order, and all of them when all are accepted', async () => {
  const turn = makeTurn(40);
  let onWire = 0;
  const { report, attempts, durable } = start(turn, async () => {
    expect((onWire += 1)).toBe(1);
    await yieldToOthers();
    onWire -= 1;
    return resultOf(204);
  });
  expect(await report).toEqual({ settled: 40, failure: null });
  expect(attempts.map(({ event }) => event)).toEqual(turn.events);
  expect(durable).toEqual(turn.events.map(({ id }) => id));
});

test.each([
  ['retrying', 5, 2, { status: 'retrying', attempt: 1, waitMs: 1_000, pause: null }],
  ['failed for good', 0, 3, { status: 'failed', attempt: 1, waitMs: 0, pause: null }],
])('it stops at the first failure: %s', async (_, maxRetries, settled, failure) => {
  const { ended, attempts } = start(makeTurn(5, { endpoint: { maxRetries } }), (index) =>
    resultOf(index === 2 ? 503 : 200, { latencyMs: 10 + index }),
  );
  expect(await ended).toEqual({ report: { settled, failure }, latenciesMs: [10, 11, 12] });
  expect(attempts).toHaveLength(3);
});

test.each([
  ['line', { settled: 0, failure: { status: 'retrying', attempt: 6, waitMs: 0, pause: 'exhausted' } }],
  ['replay', { settled: 1, failure: { status: 'failed', attempt: 6, waitMs: 0, pause: null } }],
  ['test', { settled: 1, failure: { status: 'failed', attempt: 6, waitMs: 0, pause: null } }],
] as const)('where spent retries hold an event, only the line keeps it: a %s', async (origin, expected) => {
  const turn = makeTurn(2, { origin, attemptsBefore: 5, endpoint: { onExhausted: 'hold' } });
  const { report, attempts } = start(turn, () => resultOf(503));
  expect(await report).toEqual(expected);
  expect(attempts).toHaveLength(1);
});

test('410 stops it, whatever the number of the attempt, and settles nothing', async () => {
  const { report, attempts } = start(makeTurn(3, { attemptsBefore: 5 }), () => resultOf(410));
  expect(await report).toEqual({
    settled: 0,
    failure: { status: 'retrying', attempt: 6, waitMs: 0, pause: 'gone' },
  });
  expect(attempts).toHaveLength(1);
});

test('the first event goes on counting its attempts, the others begin at 1', async () => {
  const { report, attempts } = start(makeTurn(4, { attemptsBefore: 3 }), () => resultOf(200));
  await report;
  expect(attempts.map(({ attempt }) => attempt)).toEqual([4, 1, 1, 1]);
});

test('at most 16 answers are unwritten: the next request waits for a row', async () => {
  const { report, attempts, write, waiting } = start(makeTurn(20), () => resultOf(200), { held: true });
  await eventually(() => attempts.length >= 16);
  await settle();
  expect(attempts).toHaveLength(16);
  write();
  await eventually(() => attempts.length >= 17);
  await settle();
  expect(attempts).toHaveLength(17);
  while (attempts.length < 20 || waiting.length > 0) {
    if (waiting.length > 0) write();
    await yieldToOthers();
  }
  expect(await report).toEqual({ settled: 20, failure: null });
});

test('it is over when every row is durable, not before', async () => {
  const { report, running, attempts, waiting, write } = start(
    makeTurn(5),
    (index) => resultOf(index === 2 ? 500 : 200),
    { held: true },
  );
  await eventually(() => waiting.length === 3);
  for (let left = 3; left > 0; left -= 1) {
    await settle();
    expect(running.done).toBe(false);
    write();
  }
  await report;
  expect(attempts).toHaveLength(3);
});

test('a turn that is stopped before it begins sends nothing', async () => {
  const turn = makeTurn(3);
  const control = openTrustingControl();
  control.begin(0);
  control.stop(0);
  const deliver = vi.fn();
  const recorder = { record: () => Promise.resolve() };
  const { report } = await runTurn(turn, { control, recorder, deliver, onRecorded() {}, version: '1.2.3' });
  expect(report).toEqual({ settled: 0, failure: null });
  expect(deliver).not.toHaveBeenCalled();
});

test('a turn that is stopped while a request is on the wire ends with its answer', async () => {
  const turn = makeTurn(10);
  const { report, attempts, control } = start(turn, (index) => {
    if (index === 3) control.stop(turn.slot);
    return resultOf(200);
  });
  expect(await report).toEqual({ settled: 4, failure: null });
  expect(attempts).toHaveLength(4);
});

test.each([
  ['taken by another', (control: Control) => control.trust({ ...aLease, epoch: 2 }, 60_000)],
  ['not trusted any more', (control: Control) => control.trust(aLease, 0)],
])('under a lease that is %s it sends nothing', async (_, change) => {
  const control = openTrustingControl();
  change(control);
  const deliver = vi.fn();
  const recorder = { record: () => Promise.resolve() };
  const { report } = await runTurn(makeTurn(3), { control, recorder, deliver, onRecorded() {}, version: '1.2.3' });
  expect(report).toEqual({ settled: 0, failure: null });
  expect(deliver).not.toHaveBeenCalled();
});

test('a lease that is lost while a request is on the wire ends the turn with its answer, which is recorded', async () => {
  const { report, attempts, durable, control } = start(makeTurn(10), (index) => {
    if (index === 2) control.trust(aLease, 0);
    return resultOf(200);
  });
  expect(await report).toEqual({ settled: 3, failure: null });
  expect([attempts.length, durable.length]).toEqual([3, 3]);
});

test('a turn that is stopped while it waits for rows sends nothing more', async () => {
  const turn = makeTurn(20);
  const { report, attempts, control, waiting, write } = start(turn, () => resultOf(200), { held: true });
  await eventually(() => waiting.length === 16);
  await settle();
  control.stop(turn.slot);
  while (waiting.length > 0) {
    write();
    await settle();
  }
  expect(await report).toEqual({ settled: 16, failure: null });
  expect(attempts).toHaveLength(16);
});

test('a turn that takes long ends by itself with what it has sent, but always sends its first event', async () => {
  const slow = start(makeTurn(10), (index) => {
    if (index === 2) vi.advanceTimersByTime(250);
    return resultOf(200);
  });
  expect(await slow.report).toEqual({ settled: 3, failure: null });
  const slower = start(makeTurn(3), () => {
    vi.advanceTimersByTime(10_000);
    return resultOf(200);
  });
  expect(await slower.report).toEqual({ settled: 1, failure: null });
});

test('between requests the thread says that none is on the wire', async () => {
  const turn = makeTurn(2, { slot: 7 });
  const { report, control } = start(turn, () => resultOf(200));
  await report;
  expect(control.current(7)).toBeNull();
});

test('an attempt that was not sent has no row and ends the turn', async () => {
  const turn = makeTurn(3);
  const { report, control, attempts, durable } = start(turn, (index) => (index === 1 ? null : resultOf(200)));
  expect(await report).toEqual({ settled: 1, failure: null });
  expect([attempts.length, durable.length, control.current(turn.slot)]).toEqual([2, 1, null]);
});

test('whether an attempt may begin is asked of its lease and of the word that stops its turn', async () => {
  const turn = makeTurn(1);
  const answered = Promise.withResolvers<AttemptResult>();
  const { report, control, attempts } = start(turn, () => answered.promise);
  const { mayBegin } = attempts[0]!;
  expect(mayBegin()).toBe(true);
  control.stop(turn.slot);
  expect(mayBegin()).toBe(false);
  control.begin(turn.slot);
  control.trust({ ...aLease, epoch: aLease.epoch + 1 }, 60_000);
  expect(mayBegin()).toBe(false);
  answered.resolve(resultOf(200));
  await report;
});
