// Runs many schedules, some of them twice, and says of the first that fails how to see it again.

import fc from 'fast-check';
import { type Kind, type Schedule, kinds as allKinds, schedulesOf } from './schedule.ts';
import { type Outcome, runSchedule } from './run-schedule.ts';

export type Exploration = {
  schedules: number;
  seed: number;
  /** Null when nothing was found. */
  found: Found | null;
};

export type Found = {
  /** The number of the schedule that failed first. */
  schedule: number;
  violation: string;
  shrunk: Schedule;
  /** Replays the shrunk schedule: `npm run test:simulation -- --seed … --path …`. */
  path: string;
};

export type ExploreOptions = {
  schedules: number;
  seed: number;
  /** Only the schedule that it names, of those that `seed` draws. */
  path?: string | undefined;
  /** Smaller schedules that are tried once one has failed. */
  mostShrinks?: number;
  /** What happens besides events; all that can, if absent. */
  kinds?: readonly Kind[];
  /** Runs each schedule once, and never looks whether a second run goes the same way. */
  once?: boolean;
};

/** Of so many schedules one is run twice: another schedule finds more than the same one again. */
const repeatEvery = 4;

export function explore({
  schedules,
  seed,
  path,
  mostShrinks = 1_000,
  kinds = allKinds,
  once = false,
}: ExploreOptions): Exploration {
  let shrinks = 0;
  let runs = 0;
  const property = fc.property(schedulesOf(kinds), (schedule) => {
    // What was found by then is small enough.
    if (shrinks > mostShrinks) return;
    if (shrinks > 0) shrinks += 1;
    const outcome = runSchedule(schedule);
    if (outcome.violation !== null) {
      shrinks ||= 1;
      throw new Error(outcome.violation);
    }
    runs += 1;
    const isRepeated = !once && (path !== undefined || runs % repeatEvery === 0);
    if (shrinks === 0 && isRepeated) checkReplay(outcome, runSchedule(schedule));
  });
  const result = fc.check(property, { numRuns: schedules, seed, path, endOnFailure: path !== undefined });
  if (!result.failed) return { schedules: result.numRuns, seed, found: null };
  const found: Found = {
    schedule: result.numRuns,
    violation: (result.errorInstance as Error).message,
    shrunk: result.counterexample![0],
    path: result.counterexamplePath!,
  };
  return { schedules: result.numRuns, seed, found };
}

function checkReplay(first: Outcome, second: Outcome): void {
  if (first.hash !== second.hash) throw new Error(`a second run went another way: ${first.hash} and ${second.hash}`);
}

/** In lines, as people read it; `only` names the kinds that it was found among, if not all. */
export function describeFound({ schedule, violation, shrunk, path }: Found, seed: number, only?: string): string {
  const { seed: chance, processes, endpoints, leaseTtlMs, steps } = shrunk;
  return [
    `Schedule ${schedule}: ${violation}`,
    `Shrunk to ${steps.length} steps, with ${processes} processes, ${endpoints} endpoints, leases of ${leaseTtlMs} ms and chance ${chance}:`,
    ...steps.map((step) => `  at ${step.at} ms: ${step.do} (who ${step.who}, ms ${step.ms})`),
    `Again: npm run test:simulation -- --seed ${seed} --path ${path}${only === undefined ? '' : ` --kinds '${only}'`}`,
  ].join('\n');
}
