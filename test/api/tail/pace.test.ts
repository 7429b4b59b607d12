import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Pace, createPace } from '../../../src/api/tail/pace.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** How many turns those get who always want one, and in which order. */
async function turnsWithin(ms: number, pace: Pace): Promise<number[]> {
  const got: number[] = [];
  for (let who = 0; who < 1_000; who += 1) void Promise.resolve(pace.turn()).then(() => got.push(who));
  await vi.advanceTimersByTimeAsync(ms);
  return got;
}

test('so many turns a second, in the order of asking', async () => {
  const got = await turnsWithin(
    999,
    createPace(500, () => false),
  );
  expect(got).toEqual(Array.from({ length: 500 }, (_, who) => who));
});

test('a fifth while the process is busy, and all again when it is no longer', async () => {
  let isBusy = true;
  const pace = createPace(500, () => isBusy);
  expect(await turnsWithin(999, pace)).toHaveLength(100);
  isBusy = false;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await turnsWithin(999, pace)).toHaveLength(500);
});

test('whoever comes when nobody waits is not held back, and none leaves a timer behind', async () => {
  const pace = createPace(500, () => false);
  expect(pace.turn()).toBeNull();
  await vi.advanceTimersByTimeAsync(200);
  expect(vi.getTimerCount()).toBe(0);
  expect(pace.turn()).toBeNull();
});

test('few turns are a fifth while the process is busy, too', async () => {
  expect(
    await turnsWithin(
      999,
      createPace(40, () => false),
    ),
  ).toHaveLength(40);
  expect(
    await turnsWithin(
      999,
      createPace(40, () => true),
    ),
  ).toHaveLength(8);
});
