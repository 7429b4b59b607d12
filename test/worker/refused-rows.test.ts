import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { deliveryRow } from '../../src/worker/delivery-row.ts';
import { createRecorder } from '../../src/worker/recorder.ts';
import type { Delivery } from '../../src/worker/row-effects.ts';
import { makeTurn, resultOf } from './made-up-turn.ts';

const minuteMs = 60_000;

/** Waits by promises, too, which Vitest leaves as they are. */
function useSimulatedTime(): void {
  vi.useFakeTimers();
  vi.spyOn(timers, 'setTimeout').mockImplementation((ms) => new Promise<never>((done) => void setTimeout(done, ms)));
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
}

/** A recorder whose writes end as the test says: with the code of an error, or well. */
function open(answer: () => string | null) {
  useSimulatedTime();
  const said: { level: 'warn' | 'error'; fields: Record<string, unknown> }[] = [];
  const log = {
    warn: (fields: Record<string, unknown>) => said.push({ level: 'warn', fields }),
    error: (fields: Record<string, unknown>) => said.push({ level: 'error', fields }),
  };
  const transactional = async () => {
    const code = answer();
    if (code !== null) throw Object.assign(new Error('refused'), { code });
  };
  const orm = { em: { fork: () => ({ transactional }) } };
  const recorder = createRecorder({ orm: orm as never, log: log as never, version: '1.2.3' });
  return { recorder, errors: () => said.filter(({ level }) => level === 'error').map(({ fields }) => fields) };
}

/** An attempt that is written in a transaction. */
function attempt(): Delivery {
  const turn = makeTurn(1);
  const event = turn.events[0]!;
  const row = deliveryRow({ id: event.id, turn, event, attempt: 1, result: resultOf(410), failure: null });
  return { row, pause: 'gone', leaseEpoch: 1 };
}

test.each([
  ['a table that is not there any more', '42P01'],
  ['a column that another version has', '42703'],
  ['a right that was taken away', '42501'],
  ['a schema that is gone', '3F000'],
  ['a database that takes no writes', '25006'],
  ['a full disk', '53100'],
])(
  'rows that cannot be written for %s are an error after a minute, once a minute, until they are written',
  async (_, code) => {
    let isMended = false;
    const { recorder, errors } = open(() => (isMended ? null : code));
    const recorded = recorder.record(attempt());
    await vi.advanceTimersByTimeAsync(minuteMs - 3_000);
    expect([errors(), recorder.problem()]).toEqual([[], null]);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(errors()).toEqual([{ rows: 1, reason: code, seconds: expect.any(Number) }]);
    expect(recorder.problem()).toBe(`delivery rows cannot be written for 1 min: ${code}`);
    await vi.advanceTimersByTimeAsync(2 * minuteMs);
    expect(errors().map(({ seconds }) => Math.round(Number(seconds) / 60))).toEqual([1, 2, 3]);
    expect(recorder.problem()).toBe(`delivery rows cannot be written for 3 min: ${code}`);
    isMended = true;
    await vi.advanceTimersByTimeAsync(3_000);
    await recorded;
    expect(recorder.problem()).toBeNull();
  },
);

test('an outage of less than a minute is no error, and after it the minute begins anew', async () => {
  let isAway = true;
  const { recorder, errors } = open(() => (isAway ? 'ECONNREFUSED' : null));
  for (let outage = 0; outage < 3; outage += 1) {
    isAway = true;
    const recorded = recorder.record(attempt());
    await vi.advanceTimersByTimeAsync(50_000);
    isAway = false;
    await vi.advanceTimersByTimeAsync(3_000);
    await recorded;
  }
  expect([errors(), recorder.problem()]).toEqual([[], null]);
});
