// `make bench`: measures the rows, prints one table, and leaves nothing running.

import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { removeAbandonedDirectories } from '../test/support/embedded-directory.ts';
import { createGround } from './ground.ts';
import { describeMachine } from './machine.ts';
import { printProfiles } from './profile.ts';
import { type Outcome, printReport, writeResults } from './report.ts';
import type { Row, RowOptions } from './row.ts';
import { rows } from './rows.ts';

const small = rows.filter(({ isLarge }) => !isLarge);
const large = rows.filter(({ isLarge }) => isLarge);

const usage = `usage: node bench/main.ts [row ...] [--large] [--pairs N] [--keep] [--profile DIRECTORY]
rows: ${small.map(({ name }) => name).join(', ')} (all of these when none is named)
large rows: ${large.map(({ name }) => name).join(', ')}
--large              all of the large rows
--pairs N            how often the two sides are measured, in turn (5)
--keep               write the results a second time, under their date
--profile DIRECTORY  let the service write CPU profiles there, and sum them up; it is slower then`;

const { chosen, options, keep } = readArguments();
const interrupted = catchSignals();
await removeAbandonedDirectories();
const machine = await describeMachine();

const outcomes: Outcome[] = [];
for (const row of chosen) {
  if (interrupted.aborted) break;
  options.say(`${row.name} …`);
  outcomes.push(await measure(row));
}
if (interrupted.aborted) process.exit(130);
printReport(machine, outcomes);
if (options.profileDirectory !== null) await printProfiles(options.profileDirectory);
// Profiling costs: what is measured with it is not to be taken for a result.
if (options.profileDirectory === null) {
  const paths = await writeResults(machine, outcomes, { keep });
  console.log(`written to ${paths.map((path) => relative(process.cwd(), path)).join(', ')}`);
}
process.exit(outcomes.some((outcome) => 'noFigure' in outcome) ? 1 : 0);

/** The row on a ground of its own, which is gone when this resolves, however it went. */
async function measure(row: Row): Promise<Outcome> {
  await using ground = createGround();
  const startedAt = performance.now();
  const measuring = row.measure(ground, options).then(
    (figure) => ({ row: row.name, figure }),
    (error: unknown) => ({ row: row.name, noFigure: error instanceof Error ? error.message : String(error) }),
  );
  void measuring.then(() => options.say(`${row.name} took ${Math.round((performance.now() - startedAt) / 1_000)} s`));
  const stopped = new Promise<Outcome>((end) => {
    interrupted.addEventListener('abort', () => end({ row: row.name, noFigure: 'interrupted' }), { once: true });
  });
  return await Promise.race([measuring, stopped]);
}

/** The first signal ends the row and closes everything; a second one ends the process at once. */
function catchSignals(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
      console.error('stopping; again to leave everything as it is');
    });
  }
  return stop.signal;
}

function readArguments(): { chosen: readonly Row[]; options: RowOptions; keep: boolean } {
  const say = (line: string) => console.error(line);
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        pairs: { type: 'string', default: '5' },
        large: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        profile: { type: 'string' },
      },
    });
    const named = rows.filter(({ name }) => positionals.includes(name));
    if (named.length < positionals.length) throw new Error('there is no row of that name');
    if (!/^[1-9]\d{0,2}$/.test(values.pairs)) throw new Error('--pairs must be a whole number from 1 to 999');
    const profileDirectory = values.profile === undefined ? null : resolve(values.profile);
    return {
      chosen: named.length > 0 ? named : values.large ? large : small,
      keep: values.keep,
      options: { pairs: Number(values.pairs), profileDirectory, say },
    };
  } catch (error) {
    say(`${(error as Error).message}\n${usage}`);
    return process.exit(2);
  }
}
