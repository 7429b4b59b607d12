import type { MikroORM } from '@mikro-orm/postgresql';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogFigures } from '../../src/operations/log-figures.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A Postgres that keeps what it is asked until it is told to answer. */
function slowPostgres() {
  const asked: PromiseWithResolvers<object[]>[] = [];
  const execute = async () => {
    const question = Promise.withResolvers<object[]>();
    asked.push(question);
    return await question.promise;
  };
  return { orm: { em: { fork: () => ({ execute }) } } as unknown as MikroORM, asked };
}

const row = { head: 9, unnumbered: 0, oldest: null };
const figures = { head: 9, unnumbered: 0, oldestMs: 0 };

/** A first look, which nobody waits for any more. */
async function lookInVain() {
  const { orm, asked } = slowPostgres();
  const look = createLogFigures(orm);
  const first = look();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await first).toBeNull();
  return { look, asked };
}

test('while a statement runs on nobody begins another, and its answer is for whoever still waits', async () => {
  const { look, asked } = await lookInVain();
  const second = look();
  await vi.advanceTimersByTimeAsync(500);
  expect(asked).toHaveLength(1);
  asked[0]!.resolve([row]);
  expect(await second).toEqual(figures);
});

test('after a statement that failed there is another one, also where nobody waited for it any more', async () => {
  const { look, asked } = await lookInVain();
  asked[0]!.reject(new Error('canceling statement due to statement timeout'));
  await vi.advanceTimersByTimeAsync(0);
  const second = look();
  expect(asked).toHaveLength(2);
  asked[1]!.resolve([row]);
  expect(await second).toEqual(figures);
});
