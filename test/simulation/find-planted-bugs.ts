// Tests that the simulation finds each of some planted bugs.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Field, openField } from './plant.ts';
import type { PlantedBug } from './planted-bug.ts';

/** Returns the field in which they are planted, once the tests run. */
export function findEach(bugs: readonly PlantedBug[]): () => Field {
  let field: Field;
  beforeAll(async () => {
    field = await openField();
  });
  afterAll(() => field[Symbol.asyncDispose]());

  test.each(bugs.map((bug) => [bug.name, bug] as const))(
    'the simulation finds within 5,000 schedules that %s',
    async (_, bug) => {
      const { found, output } = await field.run(bug, { schedules: 5_000, seed: 1 });
      expect(found, output).toBe(true);
    },
    180_000,
  );
  return () => field;
}
