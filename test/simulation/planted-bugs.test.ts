import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Field, openField } from './plant.ts';
import { plantedBugs } from './planted-bugs.ts';

let field: Field;

beforeAll(async () => {
  field = await openField();
});
afterAll(() => field[Symbol.asyncDispose]());

test.each(plantedBugs.map((bug) => [bug.name, bug] as const))(
  'the simulation finds within 5,000 schedules that %s',
  async (_, bug) => {
    const { found, output } = await field.run(bug, { schedules: 5_000, seed: 1 });
    expect(found, output).toBe(true);
  },
  60_000,
);
