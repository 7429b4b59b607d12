import { expect, test } from 'vitest';
import { describeFound, explore } from './explore.ts';

test('properties 6 and 7: whatever fails, all events come, in order, one at a time and recorded, and worlds replay exactly', () => {
  const seed = Date.now() % 2 ** 31;
  const { found } = explore({ schedules: 3_000, seed });
  expect(found && describeFound(found, seed)).toBeNull();
}, 600_000);
