// Runs the simulation from the command line, on as many processes as asked for.
//
// npm run test:simulation -- --schedules 50000 --workers 2 [--seed n] [--path p] [--kinds 'stop,crash'] [--once] | --hours 24

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Exploration, describeFound, explore } from './explore.ts';
import { runHours } from './hours.ts';
import { type Kind, kinds as allKinds } from './schedule.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '50000' },
    workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    seed: { type: 'string' },
    path: { type: 'string' },
    shrinks: { type: 'string', default: '1000' },
    kinds: { type: 'string' },
    hours: { type: 'string' },
    once: { type: 'boolean', default: false },
  },
});
const mostShrinks = Number(values.shrinks);
const { once } = values;
const kinds = values.kinds === undefined ? allKinds : values.kinds.split(',').map(toKind);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);

if (process.send) {
  process.send(explore({ schedules: Number(values.schedules), seed, kinds, once }));
} else if (values.hours !== undefined) {
  const { violation, lines } = runHours({ hours: Number(values.hours), seed });
  console.log(lines.join('\n'));
  process.exitCode = violation === null ? 0 : 1;
} else {
  await main();
}

function toKind(name: string): Kind {
  const found = allKinds.find((kind) => kind === name);
  if (!found) throw new Error(`there is no kind ${name}; there are: ${allKinds.join(', ')}`);
  return found;
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  const workers = values.path === undefined ? Number(values.workers) : 1;
  const schedules = Number(values.schedules);
  const explorations =
    workers === 1
      ? [explore({ schedules, seed, path: values.path, mostShrinks, kinds, once })]
      : await Promise.all(Array.from({ length: workers }, (_, index) => inProcess(schedules / workers, seed + index)));
  const found = explorations.filter((exploration) => exploration.found !== null);
  for (const exploration of found)
    console.log(`${describeFound(exploration.found!, exploration.seed, values.kinds)}\n`);
  const count = explorations.reduce((sum, exploration) => sum + exploration.schedules, 0);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`schedules ${count}; seconds ${seconds}; violations ${found.length}; seed ${seed}`);
  process.exitCode = found.length === 0 ? 0 : 1;
}

function inProcess(schedules: number, from: number): Promise<Exploration> {
  const options = { schedules: Math.ceil(schedules), seed: from, kinds: kinds.join() };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = fork(import.meta.filename, once ? [...args, '--once'] : args);
  return new Promise((resolve, reject) => {
    child.once('message', (exploration) => resolve(exploration as Exploration));
    child.once('exit', (code) => reject(new Error(`a process of the simulation ended with ${code}`)));
  });
}
