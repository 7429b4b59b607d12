import { expect, test } from 'vitest';
import { runHours } from './hours.ts';

test('a day of mixed faults end with every queue empty and no more memory than the first one', () => {
  expect(runHours({ hours: 24, seed: 1 })).toMatchObject({ violation: null });
}, 600_000);
