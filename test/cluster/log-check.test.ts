import { expect, test } from 'vitest';
import { further, isLost } from '../../src/cluster/log-check.ts';

test('the log’s end is lost when a known position has another event or is above the head, and in no other case', () => {
  const known = { position: 5, id: 'five' };
  expect(isLost(known, { head: 5, idAtKnown: 'five' })).toBe(false);
  expect(isLost(known, { head: 9, idAtKnown: 'five' })).toBe(false);
  expect(isLost(known, { head: 9, idAtKnown: 'another' })).toBe(true);
  expect(isLost(known, { head: 4, idAtKnown: null })).toBe(true);
  // Long ago purged.
  expect(isLost(known, { head: 9, idAtKnown: null })).toBe(false);
  expect(isLost(null, { head: 0, idAtKnown: null })).toBe(false);
});

test('of two known events the later one counts', () => {
  const [five, six] = [
    { position: 5, id: 'five' },
    { position: 6, id: 'six' },
  ];
  expect([further(null, five), further(five, null), further(five, six), further(six, five)]).toEqual([
    five,
    five,
    six,
    six,
  ]);
});
