import { expect, test } from 'vitest';
import { describeFound, explore } from './explore.ts';

const seed = Date.now() % 2 ** 31;

test('properties 6 and 7: nothing is lost, disordered, sent at once or unrecorded, whatever fails', () => {
  const { found } = explore({ schedules: 2_000, seed, once: true });
  expect(found && describeFound(found, seed)).toBeNull();
}, 120_000);

test('a schedule goes the same way each time, so that what is found can be seen again', () => {
  const { found } = explore({ schedules: 150, seed });
  expect(found && describeFound(found, seed)).toBeNull();
}, 60_000);
