// What a start costs: to the ready line with everything in place, and to the first delivery after a kill.

import { execFileSync } from 'node:child_process';
import { insertEvents } from '../backlog.ts';
import { cpuOfProcess } from '../cpu-time.ts';
import { makeEndpoints } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import { median } from '../median.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { openStage } from '../stage.ts';
import { startTidings } from '../tidings.ts';
import { untilAttempted } from '../sides/tidings-side.ts';

const endpointCount = 100;
const waiting = 100_000;
const reachSeconds = 1.5;

export const startRow: Row = { name: 'start', isLarge: true, measure };

async function measure(ground: Ground, { pairs, say }: RowOptions): Promise<Figure> {
  const endpoints = makeEndpoints(endpointCount);
  const stage = await openStage(ground, endpoints);
  await stage.tidings.stop();
  const runs: { cpuMs: number; wallMs: number; bareMs: number }[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const tidings = await startTidings(ground, stage.options);
    const cpuMs = (await cpuOfProcess(tidings.pid)) / 1_000;
    await tidings.stop();
    const run = { cpuMs, wallMs: tidings.readyMs, bareMs: bareNode() };
    runs.push(run);
    say(`start ${pair}: ready after ${run.cpuMs.toFixed(0)} ms of processor time, ${run.wallMs.toFixed(0)} ms`);
  }
  const killed = await startTidings(ground, stage.options);
  await killed.kill();
  await insertEvents(stage.orm, endpoints, waiting);
  const begunAtMs = Date.now();
  const again = await startTidings(ground, stage.options);
  const first = await untilAttempted(again.allAttempts(), 1);
  const firstMs = first.firstAtMs - begunAtMs;
  await again.kill();
  const cpuMs = median(runs.map((run) => run.cpuMs));
  return {
    lines: [
      {
        measure: 'processor time from start to ready, everything in place',
        measured: `${(cpuMs / 1_000).toFixed(2)} s`,
        beside: `${(median(runs.map(({ bareMs }) => bareMs)) / 1_000).toFixed(2)} s (node -e 0, wall)`,
        ratio: null,
        reach: `<= ${reachSeconds} s`,
        reached: cpuMs <= reachSeconds * 1_000,
      },
      {
        measure: `restart to the first delivery after kill -9, ${waiting.toLocaleString('en')} waiting`,
        measured: `${(firstMs / 1_000).toFixed(2)} s`,
        beside: `${(median(runs.map(({ wallMs }) => wallMs)) / 1_000).toFixed(2)} s (a start to ready, wall)`,
        ratio: firstMs / median(runs.map(({ wallMs }) => wallMs)),
        reach: '<= 1.50',
        reached: firstMs / median(runs.map(({ wallMs }) => wallMs)) <= 1.5,
      },
    ],
    notes: [],
    details: { endpoints: endpointCount, waiting, starts: runs, firstMs },
  };
}

/** Milliseconds of a Node that does nothing. */
function bareNode(): number {
  const startedAt = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  return performance.now() - startedAt;
}
