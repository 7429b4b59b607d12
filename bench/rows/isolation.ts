// What hanging endpoints cost the others: the latency of healthy ones beside the same ones alone.

import { setTimeout as sleep } from 'node:timers/promises';
import { insertEvents } from '../backlog.ts';
import { type BenchEndpoint, makeEndpoints } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import { byGraphql, latencies, publishSteadily } from '../latency.ts';
import { median } from '../median.ts';
import { percentile } from '../percentile.ts';
import { type Figure, NoFigure, type Row, type RowOptions } from '../row.ts';
import { openStage } from '../stage.ts';
import { until } from '../until.ts';

const healthyCount = 50;
const hangingCount = 450;
const perSecond = 200;
const forMs = 8_000;
/** Each hanging endpoint has as many waiting: more than it can hang on meanwhile. */
const waitingEach = 20;
const timeout = '1s';
const reach = 1.5;

export const isolationRow: Row = { name: 'isolation', measure };

async function measure(ground: Ground, { pairs, profileDirectory, say }: RowOptions): Promise<Figure> {
  const healthy = makeEndpoints(healthyCount);
  const hanging = makeEndpoints(hangingCount, { prefix: 'hanging' });
  const stage = await openStage(ground, [...healthy, ...hanging], {
    profileDirectory,
    receiver: { mayHang: true },
    defaults: [`timeout: ${timeout}`, 'base_delay: 100ms', 'max_delay: 500ms', 'max_retries: 100'],
  });
  const { orm, tidings, receiver } = stage;

  async function p99(): Promise<number> {
    const asked = await publishSteadily(byGraphql(tidings.url), healthy, { perSecond, forMs });
    await sleep(1_000);
    const all = latencies(asked, await takeUntil(asked.size, healthy));
    if (all.length !== asked.size) throw new NoFigure(`${asked.size} events for healthy endpoints, ${all.length} came`);
    return percentile(all, 99);
  }

  async function takeUntil(count: number, of: readonly BenchEndpoint[]) {
    const paths = new Set(of.map(({ path }) => path));
    const taken: Awaited<ReturnType<typeof receiver.take>> = [];
    await until(
      `${count} requests`,
      async () => {
        taken.push(...(await receiver.take()).filter(({ path }) => paths.has(path)));
        return taken.length >= count ? true : null;
      },
      { everyMs: 200, withinMs: 60_000 },
    );
    return taken;
  }

  await p99();
  const runs: { ours: number; theirs: number }[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const theirs = await p99();
    receiver.toggleHanging();
    await insertEvents(orm, hanging, hangingCount * waitingEach);
    await sleep(2_000);
    const ours = await p99();
    receiver.toggleHanging();
    await takeUntil(hangingCount * waitingEach, hanging);
    runs.push({ ours, theirs });
    say(`pair ${pair}: p99 ${ours.toFixed(1)} ms while others hang, ${theirs.toFixed(1)} ms alone`);
  }
  const ratio = median(runs.map(({ ours, theirs }) => ours / theirs));
  return {
    lines: [
      {
        measure: `latency p99 of ${healthyCount} endpoints while ${hangingCount} others hang until their time-out`,
        measured: `${median(runs.map(({ ours }) => ours)).toFixed(1)} ms`,
        beside: `${median(runs.map(({ theirs }) => theirs)).toFixed(1)} ms (alone)`,
        ratio,
        reach: `<= ${reach.toFixed(2)}`,
        reached: ratio <= reach,
      },
    ],
    notes: [`${perSecond} events a second for the healthy ones; the others time out after ${timeout}`],
    details: { healthyCount, hangingCount, perSecond, timeout, pairs: runs },
  };
}
