// How long an event takes from its commit to the receiver when the service has little to do, beside a bare POST.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Client } from 'undici';
import { insertEvents, readExpected } from '../backlog.ts';
import { demandRight } from '../check.ts';
import { unixMs } from '../clock.ts';
import { makeEndpoints } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import { byGraphql, bySql, latencies, type Publish, publishSteadily, readCommits } from '../latency.ts';
import { median } from '../median.ts';
import { percentile } from '../percentile.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { rateOf } from '../sides/run.ts';
import { drain, headOf, untilAttempted } from '../sides/tidings-side.ts';
import { openStage } from '../stage.ts';

const endpointCount = 100;
const forMs = 4_000;
/** Of what it can drain. */
const share = 0.1;
/** Above the bare POST's p50. By SQL nobody wakes the service, which looks ten times a second. */
const reaches = { graphql: { p50: 5, p99: 20 }, sql: { p50: 150 } };

export const latencyRow: Row = { name: 'latency', measure };

/** Milliseconds: of all from the commit, and from asking. */
type Measured = { p50: number; p99: number; askedP50: number };

async function measure(ground: Ground, { pairs, profileDirectory, say }: RowOptions): Promise<Figure> {
  const endpoints = makeEndpoints(endpointCount);
  const stage = await openStage(ground, endpoints, {
    profileDirectory,
    receiver: { mayHang: true },
    tellsCommits: true,
  });
  const { orm, tidings, receiver, databaseUrl } = stage;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  await ground.open({ [Symbol.asyncDispose]: async () => await pool.end() });
  const client = new Client(receiver.url);
  await ground.open({ [Symbol.asyncDispose]: async () => await client.close() });

  let capacity = 0;
  for (const events of [2_000, 10_000]) {
    const insert = () => insertEvents(orm, endpoints, events);
    capacity = rateOf(await drain(stage, { events, deliveries: events, insert }));
    await receiver.take();
  }
  const perSecond = Math.round(capacity * share);

  async function ours(publishAll: Publish): Promise<Measured> {
    const after = await headOf(orm);
    const attempts = await tidings.followAttempts();
    const asked = await publishSteadily(publishAll, endpoints, { perSecond, forMs });
    await untilAttempted(attempts, asked.size);
    const received = await receiver.take();
    demandRight('Tidings', { endpoints, expected: await readExpected(orm, after), received });
    const all = latencies(await readCommits(orm, after), received);
    const askedP50 = percentile(latencies(asked, received), 50);
    return { p50: percentile(all, 50), p99: percentile(all, 99), askedP50 };
  }

  async function bare(): Promise<number> {
    const all: number[] = [];
    for (let index = 0; index < 500; index += 1) {
      const id = `bare-${index}`;
      const askedAtMs = unixMs();
      const headers = { 'webhook-id': id, 'content-type': 'application/json' };
      const { body } = await client.request({ method: 'POST', path: '/bare', headers, body: '{}' });
      await body.dump();
      all.push(askedAtMs);
      await sleep(2);
    }
    const received = (await receiver.take()).filter(({ path }) => path === '/bare');
    return percentile(
      received.map(({ atMs }, index) => atMs - all[index]!),
      50,
    );
  }

  const runs: { graphql: Measured; sql: Measured; bare: number }[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const run = { graphql: await ours(byGraphql(tidings.url)), sql: await ours(bySql(pool)), bare: await bare() };
    runs.push(run);
    const told = (['graphql', 'sql'] as const).map(
      (way) => `${way} p50 ${run[way].p50.toFixed(1)} ms, p99 ${run[way].p99.toFixed(1)} ms`,
    );
    say(`pair ${pair}: ${told.join('; ')}; bare ${run.bare.toFixed(2)} ms`);
  }
  const bareP50 = median(runs.map((run) => run.bare));
  const line = (way: 'graphql' | 'sql', name: 'p50' | 'p99', moreMs: number) => {
    const ms = median(runs.map((run) => run[way][name]));
    return {
      measure: `from the commit of an event by ${way === 'sql' ? 'SQL' : 'GraphQL'} to its request, ${perSecond}/s, ${name}`,
      measured: `${ms.toFixed(1)} ms`,
      beside: `${bareP50.toFixed(2)} ms (a bare POST, p50)`,
      ratio: null,
      reach: `<= + ${moreMs} ms`,
      reached: ms <= bareP50 + moreMs,
    };
  };
  const asked = (way: 'graphql' | 'sql') => `${median(runs.map((run) => run[way].askedP50)).toFixed(1)} ms`;
  const { graphql, sql } = reaches;
  return {
    lines: [line('graphql', 'p50', graphql.p50), line('graphql', 'p99', graphql.p99), line('sql', 'p50', sql.p50)],
    notes: [
      `capacity ${Math.round(capacity)}/s; from asking for ten events in one call to their requests, p50: ${asked('graphql')} by GraphQL, ${asked('sql')} by SQL`,
    ],
    details: { endpoints: endpointCount, perSecond, capacity, pairs: runs },
  };
}
