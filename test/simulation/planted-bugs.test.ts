import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openField } from './plant.ts';
import { plantedBugs } from './planted-bugs.ts';

test('each bug of the list can still be planted: its texts are in the code exactly once', async () => {
  for (const { name, edits } of plantedBugs) {
    for (const { file, find } of edits) {
      const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
      expect(text.split(find), `${name}: ${file}`).toHaveLength(2);
    }
  }
});

test('the simulation finds a bug that was planted', async () => {
  await using field = await openField();
  const { found, output } = await field.run(plantedBugs[0]!, { schedules: 5_000, seed: 1 });
  expect(found, output).toBe(true);
}, 60_000);
