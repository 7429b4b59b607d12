import { expect, test } from 'vitest';
import { runHours } from './hours.ts';

test('after hours of mixed faults every queue is empty, and memory is no larger than after the first hour', () => {
  expect(runHours({ hours: 2, seed: 1 })).toMatchObject({ violation: null });
}, 120_000);
