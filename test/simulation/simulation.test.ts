import { expect, test } from 'vitest';
import { describeFound, explore } from './explore.ts';
import { kinds, withoutRestores } from './schedule.ts';

test('properties 6 and 7: nothing is lost, disordered, sent at once or unrecorded, whatever fails, and all replays exactly', () => {
  const seed = Date.now() % 2 ** 31;
  const { found } = explore({ schedules: 3_000, seed, kinds: withoutRestores });
  expect(found && describeFound(found, seed)).toBeNull();
}, 120_000);

test('the same with databases that are put back to an earlier day, in the schedules of one seed', () => {
  const { found } = explore({ schedules: 1_000, seed: 3, kinds });
  expect(found && describeFound(found, 3)).toBeNull();
}, 120_000);
