import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMailbox } from '../../src/dispatch/mailbox.ts';
import { createWindowBudget } from '../../src/dispatch/window-budget.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { entryAt } from '../log/made-up-entries.ts';
import { emptyCursor } from './made-up-actors.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';

const kib = 1024;

test('what windows hold is counted in bytes, not in characters', () => {
  const budget = createWindowBudget(1_000);
  const window = budget.openWindow();
  for (const payload of ['abc', 'é', '€', '😀']) window.add(payload);
  expect([window.bytes, budget.held]).toEqual([3 + 2 + 3 + 4, 12]);
  window.remove('😀');
  expect(budget.held).toBe(8);
  window.clear();
  expect(budget.held).toBe(0);
});

test('alone a window has 256 KiB, and with others an equal share of the budget', () => {
  const budget = createWindowBudget(512 * kib);
  const windows = Array.from({ length: 4 }, () => budget.openWindow());
  expect(windows[0]!.room).toBe(256 * kib);
  for (const window of windows) window.add('x');
  for (const window of windows) expect(window.room).toBe(128 * kib - 1);
  windows[0]!.clear();
  expect(Math.floor(windows[1]!.room)).toBe(Math.floor((512 * kib) / 3) - 1);
});

test('a spent budget leaves room for one event in a window that holds nothing, and in no other', () => {
  const budget = createWindowBudget(100);
  const [one, two] = [budget.openWindow(), budget.openWindow()];
  one.add('x'.repeat(500));
  expect([budget.isSpent, one.room, two.room]).toEqual([true, 0, 1]);
  two.add('x');
  expect(two.room).toBe(0);
  one.clear();
  expect([budget.isSpent, one.room, two.room]).toEqual([false, 99, 99]);
});

test('any number of mailboxes together hold the budget, and one event more each', () => {
  const step = fc.record({ who: fc.nat(19), bytes: fc.nat(2_000), drop: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const budget = createWindowBudget(5_000);
      const mailboxes = Array.from({ length: 20 }, () => createMailbox(budget));
      for (const { who, bytes, drop } of steps) {
        const mailbox = mailboxes[who]!;
        if (drop) mailbox.drop(1);
        else if (!mailbox.full) {
          mailbox.push({ entry: entryAt(1, { payload: 'x'.repeat(bytes) }), previous: 0 });
        }
        expect(mailbox.size > 0 || !mailbox.full).toBe(true);
        expect(budget.held).toBe(mailboxes.reduce((sum, one) => sum + one.bytes, 0));
        expect(budget.held).toBeLessThanOrEqual(5_000 + 20 * 2_000);
      }
    }),
    { numRuns: 100 },
  );
});

const endpoints = (count: number) =>
  Array.from({ length: count }, (_, index) => makeEndpoint({ id: `e${index}`, events: ['*'] }));
const payload = 'x'.repeat(100);

test('with a budget for a few events every endpoint gets all of them, in order, and memory stays within it', () => {
  const driven = driveDispatcher({ slots: { fast: 4, slow: 4 }, windowBytes: 1_000 });
  for (const endpoint of endpoints(50)) driven.serve(endpoint);
  for (let count = 0; count < 20; count += 1) driven.publish('a.a', { payload });
  const got = new Map<string, number[]>();
  for (let step = 0; step < 20_000 && driven.out.length + driven.reading.length > 0; step += 1) {
    expect(driven.dispatcher.held).toBeLessThanOrEqual(1_000 + 50 * 100);
    if (driven.reading.length > 0) driven.answerRead();
    const [next] = driven.out;
    if (!next) continue;
    const { id } = next.turn.endpoint;
    got.set(id, [...(got.get(id) ?? []), ...driven.deliver(id)]);
  }
  const all = Array.from({ length: 20 }, (_, index) => index + 1);
  for (const { id } of endpoints(50)) expect(got.get(id)).toEqual(all);
  expect(driven.dispatcher.held).toBe(0);
});

test('endpoints that wait for a retry give back what they hold to those that can send, and go on where they were', () => {
  const driven = driveDispatcher({ slots: { fast: 20, slow: 20 }, windowBytes: 2_000 });
  const [living, ...dead] = endpoints(10);
  for (const endpoint of dead) driven.serve(endpoint);
  driven.publish('a.a', { payload });
  const failure = { status: 'retrying' as const, attempt: 1, waitMs: 60_000, pause: null };
  for (const { id } of dead) driven.turnOf(id).end({ settled: 0, failure });
  for (let count = 0; count < 40; count += 1) driven.publish('a.a', { payload });
  driven.pass(1_000);
  driven.publish('a.a', { payload });
  // One event of each, and what comes before the next look.
  expect(driven.dispatcher.held).toBeLessThanOrEqual(dead.length * 100 + 2_000);
  driven.serve(living!, { ...emptyCursor, position: 42, countedTo: 42 });
  driven.publish('a.a', { payload });
  expect(driven.deliver(living!.id)).toEqual([43]);
  driven.pass(60_000);
  for (const { id } of dead) {
    const positions: number[] = [];
    for (let step = 0; step < 200 && positions.length < 43; step += 1) {
      while (driven.reading.length > 0) driven.answerRead();
      positions.push(...driven.deliver(id));
    }
    expect(positions).toEqual(Array.from({ length: 43 }, (_, index) => index + 1));
  }
  expect(driven.dispatcher.held).toBe(0);
});

test('an endpoint that is removed leaves nothing of the budget behind, also when what it asked for comes later', () => {
  const driven = driveDispatcher({ windowBytes: 2_000 });
  const [one] = endpoints(1);
  driven.serve(one!);
  for (let count = 0; count < 30; count += 1) driven.publish('a.a', { payload });
  expect(driven.dispatcher.held).toBeGreaterThan(0);
  driven.deliver(one!.id);
  expect(driven.reading).not.toEqual([]);
  driven.dispatcher.remove(one!.id);
  driven.answerRead();
  expect(driven.dispatcher.held).toBe(0);
});
