// A side that is a program of the benchmark's own: the ceiling, or what a team would build instead.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../child-process.ts';
import type { Expected } from '../backlog.ts';
import { type Meter, costOf } from '../cpu-time.ts';
import type { BenchEndpoint } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import type { Work } from '../programs/serve.ts';
import { type Timed, linesOf } from './lines.ts';
import type { Run } from './run.ts';

export type ProgramSide = {
  name: string;
  send(events: readonly Expected[]): Promise<Run>;
};

export type ProgramOptions = {
  name: string;
  /** In `bench/programs`, with its arguments. */
  program: string;
  args: readonly string[];
  directory: string;
  endpoints: readonly BenchEndpoint[];
  /** Of what takes part besides it. */
  meter: Meter;
  env?: Record<string, string>;
};

/** The process lives from run to run. */
export async function openProgramSide(ground: Ground, options: ProgramOptions): Promise<ProgramSide> {
  const { name, program, args, directory, endpoints, meter, env } = options;
  const file = fileURLToPath(new URL(`../programs/${program}`, import.meta.url));
  const child = await ground.open(
    startChild(process.execPath, [file, ...args], {
      directory,
      env: { PATH: process.env['PATH'], ...env },
      logFile: join(directory, `${program}.log`),
      takesMessages: true,
    }),
  );
  const ownMeter = meter.with(child.pid, name);
  return {
    name,
    async send(events) {
      const lines = linesOf(endpoints, events);
      const deliveries = lines.reduce((sum, { posts }) => sum + posts.length, 0);
      await child.ask({ load: lines } satisfies Work);
      const before = await ownMeter.read();
      const { startedAtMs, endedAtMs } = (await child.ask({ begin: true } satisfies Work)) as Timed;
      const cpuUs = costOf(before, await ownMeter.read(), deliveries);
      return { deliveries, seconds: (endedAtMs - startedAtMs) / 1_000, cpuUs };
    },
  };
}
