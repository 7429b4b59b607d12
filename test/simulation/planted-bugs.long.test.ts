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
  180_000,
);

test('the line that is printed with a violation shows it again', async () => {
  const bug = plantedBugs.find(({ kinds }) => kinds?.includes('leave'))!;
  const { output } = await field.run(bug, { schedules: 5_000, seed: 1 });
  const [, path, kinds] = /--seed 1 --path (\S+) --kinds '(.+)'$/m.exec(output)!;
  expect(kinds).toBe(bug.kinds!.join());
  const again = await field.run(bug, { schedules: 5_000, seed: 1, path: path! });
  const said = (text: string) => /^Schedule \d+: (.*)$/m.exec(text)![1];
  expect(said(again.output)).toBe(said(output));
}, 180_000);
