import { expect, test } from 'vitest';
import { findEach } from './find-planted-bugs.ts';
import { plantedBugs } from './planted-bugs.ts';
import { plantedOperationalBugs } from './planted-operational-bugs.ts';
import { plantedOrderBugs } from './planted-order-bugs.ts';

const elsewhere = [...plantedOperationalBugs, ...plantedOrderBugs];
const field = findEach(plantedBugs.filter((bug) => !elsewhere.includes(bug)));

test('the line that is printed with a violation shows it again', async () => {
  const bug = plantedBugs.find(({ kinds }) => kinds?.includes('leave'))!;
  const { output } = await field().run(bug, { schedules: 5_000, seed: 1 });
  const [, path, kinds] = /--seed 1 --path (\S+) --kinds '(.+)'$/m.exec(output)!;
  expect(kinds).toBe(bug.kinds!.join());
  const again = await field().run(bug, { schedules: 5_000, seed: 1, path: path! });
  const said = (text: string) => /^Schedule \d+: (.*)$/m.exec(text)![1];
  expect(said(again.output)).toBe(said(output));
}, 180_000);
