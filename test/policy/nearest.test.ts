import { expect, test } from 'vitest';
import { nearest } from '../../src/policy/nearest.ts';

test.each([
  // Counted by hand: the edits are named.
  ['kitten', 'sitting', 3],
  ['user.create', 'user.created', 1],
  ['uesr', 'user', 1],
  ['abc', 'abc', 0],
  ['', 'ab', 2],
])('%s is %s by %i edits', (name, known, edits) => {
  expect(nearest(name, [known], edits)).toBe(known);
  if (edits > 0) expect(nearest(name, [known], edits - 1)).toBeNull();
});

test('of several the nearest is found, and of two as near the first', () => {
  expect(nearest('cat', ['cart', 'cats', 'cat'], 2)).toBe('cat');
  expect(nearest('cat', ['bat', 'hat'], 2)).toBe('bat');
});
