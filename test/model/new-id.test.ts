import { expect, onTestFinished, test, vi } from 'vitest';
import { newId } from '../../src/model/new-id.ts';

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('ids are UUIDv7 that ascend in the order in which they are made, also within a millisecond', () => {
  const ids = Array.from({ length: 20_000 }, newId);
  expect(ids.every((id) => form.test(id))).toBe(true);
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(ids.length);
});

test('a clock that is set back makes no smaller id', () => {
  vi.useFakeTimers({ now: Date.now() + 60_000 });
  onTestFinished(() => void vi.useRealTimers());
  const before = newId();
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(newId() > before).toBe(true);
});

test('an id holds the millisecond in which it was made', () => {
  // Later than any id so far, and little: other tests make ids in this thread, too.
  const now = Date.now() + 120_000;
  vi.useFakeTimers({ now });
  onTestFinished(() => void vi.useRealTimers());
  expect(Number.parseInt(newId().replaceAll('-', '').slice(0, 12), 16)).toBe(now);
});
