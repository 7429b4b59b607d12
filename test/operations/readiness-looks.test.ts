import type { MikroORM } from '@mikro-orm/postgresql';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createReadiness } from '../../src/operations/readiness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A Postgres, a Valkey and threads that count how often they are asked, and answer when they are told to. */
function lookedAt() {
  const asked = { postgres: 0, valkey: 0, threads: 0 };
  const answers: (() => void)[] = [];
  const later = async <T>(what: keyof typeof asked, value: T): Promise<T> => {
    asked[what] += 1;
    await new Promise<void>((resolve) => answers.push(resolve));
    return value;
  };
  const orm = {
    em: { fork: () => ({ execute: async () => await later('postgres', []) }) },
  } as unknown as MikroORM;
  let draining = false;
  const ready = createReadiness({
    orm,
    stream: { check: async () => await later('valkey', null) },
    threads: async () => await later('threads', { threads: 1, answering: 1, unwritten: null }),
    relay: () => ({ is: 'leads', problem: null }),
    unwritten: () => null,
    held: () => [],
    configuration: () => ({ version: 1, standsAside: null }),
    isDraining: () => draining,
  });
  return {
    asked,
    ready,
    answer: () => answers.splice(0).forEach((resolve) => resolve()),
    drain: () => void (draining = true),
  };
}

const once = { postgres: 1, valkey: 1, threads: 1 };
const twice = { postgres: 2, valkey: 2, threads: 2 };

test('whoever asks during a look, or within 250 ms after it, gets what it found', async () => {
  const { asked, ready, answer } = lookedAt();
  const together = Array.from({ length: 4_000 }, ready);
  await vi.advanceTimersByTimeAsync(1_000);
  together.push(ready());
  expect(asked).toEqual(once);
  answer();
  const answers = await Promise.all(together);
  expect(answers.every(({ checks }) => checks['postgres']?.ok)).toBe(true);

  await vi.advanceTimersByTimeAsync(240);
  expect((await ready()).checks).toMatchObject({ postgres: { ok: true } });
  expect(asked).toEqual(once);
  await vi.advanceTimersByTimeAsync(20);
  const after = ready();
  expect(asked).toEqual(twice);
  answer();
  expect((await after).checks).toMatchObject({ postgres: { ok: true } });
});

test('that the service drains is said at once, whatever was found before', async () => {
  const { asked, ready, answer, drain } = lookedAt();
  const before = ready();
  answer();
  expect((await before).checks).not.toHaveProperty('draining');
  drain();
  expect(await ready()).toMatchObject({ status: 'unavailable', checks: { draining: { ok: false } } });
  expect(asked).toEqual(once);
});

test('what went wrong is kept no longer than what went well', async () => {
  const { asked, ready, answer } = lookedAt();
  const first = ready();
  await vi.advanceTimersByTimeAsync(2_000);
  // Only the threads answer in time.
  answer();
  await first;
  expect((await ready()).checks['postgres']).toEqual({ ok: false, detail: 'no answer within 2 s' });
  await vi.advanceTimersByTimeAsync(260);
  const again = ready();
  expect(asked).toEqual(twice);
  answer();
  expect((await again).checks).toMatchObject({ postgres: { ok: true } });
});
