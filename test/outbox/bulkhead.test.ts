import { expect, test } from 'vitest';
import { createBulkhead } from '../../src/outbox/bulkhead.ts';

const roomy = { mostRunning: 2, mostWaiting: 100, waitMs: 10_000 };

/** Work that ends when it is told to. */
function makeWork() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { work: () => promise, end: () => resolve('done') };
}

test('a bulkhead runs no more than its number at once, and all in their order', async () => {
  const bulkhead = createBulkhead(roomy);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      bulkhead.run(async () => {
        order.push(index);
        running += 1;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        running -= 1;
      }),
    ),
  );
  expect(most).toBe(2);
  expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
});

test('work that fails makes room like any other', async () => {
  const bulkhead = createBulkhead({ ...roomy, mostRunning: 1 });
  await expect(bulkhead.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await bulkhead.run(() => Promise.resolve('yes'))).toBe('yes');
});

test('work that waits too long is refused and never runs', async () => {
  const bulkhead = createBulkhead({ ...roomy, mostRunning: 1, waitMs: 10 });
  const first = makeWork();
  const running = bulkhead.run(first.work);
  let done = false;
  const late = bulkhead.run(async () => {
    done = true;
  });
  await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  first.end();
  await running;
  await bulkhead.run(async () => {});
  expect(done).toBe(false);
});

test('work beyond the longest queue is refused at once', async () => {
  const bulkhead = createBulkhead({ ...roomy, mostRunning: 1, mostWaiting: 1 });
  const first = makeWork();
  const all = [bulkhead.run(first.work), bulkhead.run(async () => 'second')];
  await expect(bulkhead.run(async () => 'third')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  first.end();
  expect(await Promise.all(all)).toEqual(['done', 'second']);
});

test('all work that waits can be rejected at once', async () => {
  const bulkhead = createBulkhead({ ...roomy, mostRunning: 1 });
  const first = makeWork();
  const running = bulkhead.run(first.work);
  const waiting = [bulkhead.run(async () => 1), bulkhead.run(async () => 2)];
  bulkhead.rejectWaiting(new Error('the database is away'));
  for (const one of waiting) await expect(one).rejects.toThrow('the database is away');
  first.end();
  expect(await running).toBe('done');
  expect(await bulkhead.run(async () => 'after')).toBe('after');
});
