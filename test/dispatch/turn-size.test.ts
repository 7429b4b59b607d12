import { expect, test } from 'vitest';
import { Line } from '../../src/dispatch/line.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { createWindowBudget } from '../../src/dispatch/window-budget.ts';
import { noGap } from './made-up-actors.ts';

/** How many events each turn has, when the turns settle so many. */
function sizesOf(settled: readonly number[]): number[] {
  const line = new Line(() => true, createWindowBudget(2 ** 26));
  line.takePage(entriesFrom(1, 250), noGap);
  return settled.map((events) => {
    const { length } = line.turn().events;
    line.settle(events, null);
    return length;
  });
}

test('while turns settle all they have, they double up to 64 events', () => {
  expect(sizesOf([16, 32, 64, 64, 0])).toEqual([16, 32, 64, 64, 64]);
});

test('a turn that ended early is followed by one a quarter longer than what it settled, at least 8 events', () => {
  // By hand: 1.25 * 20 = 25; 1.25 * 10 = 12.5.
  expect(sizesOf([16, 20, 10, 0, 8, 0])).toEqual([16, 32, 25, 13, 8, 16]);
});

test('an endpoint that answers at the same pace gets few events that its turn does not come to', () => {
  // Its turns have the time for 30 events.
  const line = new Line(() => true, createWindowBudget(2 ** 26));
  line.takePage(entriesFrom(1, 250), noGap);
  let [handed, settled] = [0, 0];
  for (let turn = 0; turn < 6; turn += 1) {
    const { length } = line.turn().events;
    handed += length;
    settled += Math.min(length, 30);
    line.settle(Math.min(length, 30), null);
  }
  expect(handed / settled).toBeLessThan(1.3);
});
