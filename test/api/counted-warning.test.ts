import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCountedWarning } from '../../src/api/counted-warning.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the first is written at once, what follows once a minute with its count, and a quiet minute not at all', () => {
  const written: [number, string][] = [];
  const warning = createCountedWarning((count, subject) => void written.push([count, subject]));
  warning.count('a');
  expect(written).toEqual([[1, 'a']]);
  for (const subject of ['b', 'c', 'd']) warning.count(subject);
  vi.advanceTimersByTime(59_999);
  expect(written).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(written.slice(1)).toEqual([[3, 'd']]);
  vi.advanceTimersByTime(60_000);
  expect(vi.getTimerCount()).toBe(0);
  warning.count('e');
  expect(written.slice(2)).toEqual([[1, 'e']]);
  warning.count('f');
  warning[Symbol.dispose]();
  expect(written.slice(3)).toEqual([[1, 'f']]);
  expect(vi.getTimerCount()).toBe(0);
});
