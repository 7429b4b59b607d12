// `npm run test:chaos`: breaks a cluster under load, prints one table of figures, and exits 1 when a promise was broken.

import { parseArgs } from 'node:util';
import { createChance } from '../support/chance.ts';
import { openRunDirectory } from '../support/run-directory.ts';
import { planFaults } from './plan.ts';
import { runChaos } from './run-chaos.ts';
import { table } from './table.ts';

const usage = `usage: npm run test:chaos -- [--kills N] [--instances N] [--deliveries N] [--endpoints N] [--lease MS] [--seed N]
--kills N       kill -9 of an instance, so often in all (100)
--instances N   how many share the database (3)
--deliveries N  at least so many, over all endpoints (100000)
--endpoints N   how many there are (24)
--lease MS      how long a lease lasts that is not renewed (2000)
--seed N        which faults, in which order, after how much (by the clock)`;

function readNumbers() {
  const string = { type: 'string' } as const;
  const names = ['kills', 'instances', 'deliveries', 'endpoints', 'lease', 'seed'] as const;
  const options = Object.fromEntries(names.map((name) => [name, string]));
  const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } });
  const { help, ...given }: Record<string, string | boolean | undefined> = values;
  if (help) {
    console.log(usage);
    process.exit(0);
  }
  for (const [name, value] of Object.entries(given)) {
    if (!/^[1-9]\d{0,8}$/.test(String(value))) throw new Error(`--${name} must be a whole number from 1 on`);
  }
  return (name: (typeof names)[number], otherwise: number) => Number(given[name] ?? otherwise);
}

let numbers: ReturnType<typeof readNumbers>;
try {
  numbers = readNumbers();
} catch (error) {
  console.error(`${(error as Error).message}\n${usage}`);
  process.exit(2);
}

// Its guard clears it away, however this ends.
await openRunDirectory();
const instances = numbers('instances', 3);
const seed = numbers('seed', Date.now() % 1_000_000);
const outcome = await runChaos({
  faults: planFaults({ kills: numbers('kills', 100), instances, chance: createChance(seed) }),
  instances,
  deliveries: numbers('deliveries', 100_000),
  endpoints: numbers('endpoints', 24),
  leaseTtlMs: numbers('lease', 2_000),
  seed,
  say: (line) => console.error(line),
});
console.log(table(outcome));
for (const wrong of outcome.wrongs.slice(0, 50)) console.error(wrong);
if (outcome.wrongs.length > 50) console.error(`and ${outcome.wrongs.length - 50} more`);
process.exit(outcome.wrongs.length === 0 ? 0 : 1);
