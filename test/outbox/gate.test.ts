import { expect, test } from 'vitest';
import { createGate } from '../../src/outbox/gate.ts';

const roomy = { most: 2, mostWaiting: 100, waitMs: 10_000 };

/** Work that ends when it is told to. */
function makeWork() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { work: () => promise, end: () => resolve('done') };
}

test('no more than its number are inside at once, and all come through in their order', async () => {
  const gate = createGate(roomy);
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      gate.pass(async () => {
        order.push(index);
        inside += 1;
        most = Math.max(most, inside);
        await new Promise(setImmediate);
        inside -= 1;
      }),
    ),
  );
  expect(most).toBe(2);
  expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
});

test('work that fails makes room like any other', async () => {
  const gate = createGate({ ...roomy, most: 1 });
  await expect(gate.pass(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await gate.pass(() => Promise.resolve('yes'))).toBe('yes');
});

test('who waits too long is refused, and what it wanted is never done', async () => {
  const gate = createGate({ ...roomy, most: 1, waitMs: 10 });
  const first = makeWork();
  const running = gate.pass(first.work);
  let done = false;
  const late = gate.pass(async () => {
    done = true;
  });
  await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  first.end();
  await running;
  await gate.pass(async () => {});
  expect(done).toBe(false);
});

test('beyond the longest queue nobody waits', async () => {
  const gate = createGate({ ...roomy, most: 1, mostWaiting: 1 });
  const first = makeWork();
  const all = [gate.pass(first.work), gate.pass(async () => 'second')];
  await expect(gate.pass(async () => 'third')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  first.end();
  expect(await Promise.all(all)).toEqual(['done', 'second']);
});

test('everybody who waits can be turned away at once', async () => {
  const gate = createGate({ ...roomy, most: 1 });
  const first = makeWork();
  const running = gate.pass(first.work);
  const waiting = [gate.pass(async () => 1), gate.pass(async () => 2)];
  gate.turnAway(new Error('the database is away'));
  for (const one of waiting) await expect(one).rejects.toThrow('the database is away');
  first.end();
  expect(await running).toBe('done');
  expect(await gate.pass(async () => 'after')).toBe('after');
});
