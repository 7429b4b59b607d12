// What endpoints cost that get nothing while another one gets two events a second: 10,000 of them beside 10.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cpuOfProcess } from '../cpu-time.ts';
import { makeEndpoints } from '../endpoints.ts';
import { createGround } from '../ground.ts';
import { byGraphql, publishSteadily } from '../latency.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { openStage } from '../stage.ts';
import { setTimeout as sleep } from 'node:timers/promises';

const execute = promisify(execFile);
const many = 10_000;
const few = 10;
const perSecond = 2;
const forMs = 20_000;
const moreMs = 10;
const kibEach = 8;

export const idleEndpointsRow: Row = { name: 'idle-endpoints', measure };

async function measure(_: unknown, { say }: RowOptions): Promise<Figure> {
  const withFew = await idle(few);
  say(`${few} endpoints: ${withFew.msASecond.toFixed(1)} ms a second, ${Math.round(withFew.kib / 1_024)} MiB`);
  const withMany = await idle(many);
  say(`${many} endpoints: ${withMany.msASecond.toFixed(1)} ms a second, ${Math.round(withMany.kib / 1_024)} MiB`);
  const each = (withMany.kib - withFew.kib) / (many - few);
  return {
    lines: [
      {
        measure: `processor time a second with ${many.toLocaleString('en')} endpoints, one of which gets ${perSecond} events a second`,
        measured: `${withMany.msASecond.toFixed(1)} ms`,
        beside: `${withFew.msASecond.toFixed(1)} ms (${few} endpoints)`,
        ratio: null,
        reach: `<= + ${moreMs} ms`,
        reached: withMany.msASecond <= withFew.msASecond + moreMs,
      },
      {
        measure: 'resident memory for each endpoint',
        measured: `${each.toFixed(1)} KiB`,
        beside: '',
        ratio: null,
        reach: `<= ${kibEach} KiB`,
        reached: each <= kibEach,
      },
    ],
    notes: [
      `the service’s own process: ${Math.round(withFew.kib / 1_024)} and ${Math.round(withMany.kib / 1_024)} MiB`,
    ],
    details: { withFew, withMany, perSecond, forMs },
  };
}

/** Each has servers of its own, so that nothing of the one is left for the other. */
async function idle(count: number): Promise<{ msASecond: number; kib: number }> {
  await using ground = createGround();
  const endpoints = makeEndpoints(count);
  const { tidings } = await openStage(ground, endpoints);
  await publishSteadily(byGraphql(tidings.url), endpoints.slice(0, 1), { perSecond, forMs: 3_000 });
  await sleep(5_000);
  const before = await cpuOfProcess(tidings.pid);
  await publishSteadily(byGraphql(tidings.url), endpoints.slice(0, 1), { perSecond, forMs });
  const msASecond = (await cpuOfProcess(tidings.pid)) - before;
  const { stdout } = await execute('ps', ['-o', 'rss=', '-p', String(tidings.pid)]);
  return { msASecond: msASecond / forMs, kib: Number(stdout.trim()) };
}
