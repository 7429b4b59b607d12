import { expect, test } from 'vitest';
import { runHours } from './hours.ts';

test('after a day of mixed faults every queue is empty, and memory is no larger than after the first hour', () => {
  expect(runHours({ hours: 24, seed: 1 })).toMatchObject({ violation: null });
}, 600_000);
