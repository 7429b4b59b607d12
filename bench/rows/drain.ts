// Row 1: how fast waiting events are delivered and recorded, beside bare signed POSTs of the same bodies.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { insertEvents, readExpected } from '../backlog.ts';
import { openCeiling } from '../ceiling.ts';
import { demandRight } from '../check.ts';
import { drain, headOf, untilSettled } from '../drained.ts';
import { makeEndpoints, writeConfiguration } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import { median } from '../median.ts';
import { openReceiver } from '../receiver.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { openDirectory, openServers } from '../servers.ts';
import { startTidings } from '../tidings.ts';

const endpointCount = 100;
const threads = 1;
/** Each side does as much before the first pair, so that its code is compiled and its connections are open. */
const warmUp = 2_000;
const reach = 0.4;

export function drainRow(events: number): Row {
  return { name: 'drain', measure: (ground, options) => measure(events, ground, options) };
}

async function measure(events: number, ground: Ground, { pairs, profileDirectory, say }: RowOptions): Promise<Figure> {
  const directory = await openDirectory(ground);
  const endpoints = makeEndpoints(endpointCount);
  const receiver = await openReceiver(ground, directory);
  const secretsDirectory = await writeConfiguration(directory, endpoints, receiver.url);
  const { databaseUrl, valkeyUrl, orm, versions } = await openServers(ground, directory);
  const options = { directory, secretsDirectory, databaseUrl, valkeyUrl, threads, profileDirectory };
  const tidings = await startTidings(ground, options);
  const ceiling = await openCeiling(ground, { url: receiver.url, endpoints, threads });
  const processes: Record<string, number> = { receiver: receiver.pid };
  if (valkeyUrl) processes['valkey'] = Number(await readFile(join(directory, 'valkey', 'pid'), 'utf8'));

  /** Our side, then the other with the same events; each is checked before it counts. */
  async function runPair(count: number) {
    const after = await headOf(orm);
    const insert = () => insertEvents(orm, endpoints, count);
    const drained = await drain({ orm, tidings, processes }, count, insert);
    const expected = await readExpected(orm, after);
    demandRight('Tidings', { endpoints, expected, received: await receiver.take() });
    const bare = await ceiling.send(expected);
    demandRight('The ceiling', { endpoints, expected, received: await receiver.take() });
    const ours = Math.round(count / drained.seconds);
    const theirs = Math.round(count / bare.seconds);
    const fromCommit = Math.round(count / drained.secondsFromCommit);
    const cpuUs = { ...drained.cpuUs, 'ceiling: thread': Math.round(bare.cpuUs * 10) / 10 };
    return { ours, theirs, ratio: round(ours / theirs), fromCommit, rowsOfInsert: drained.rowsOfInsert, cpuUs };
  }

  await runPair(warmUp);
  const runs: Awaited<ReturnType<typeof runPair>>[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const run = await runPair(events);
    runs.push(run);
    say(
      `pair ${pair}: Tidings ${perSecond(run.ours)}, ceiling ${perSecond(run.theirs)}, ratio ${run.ratio.toFixed(2)}`,
    );
  }

  const restart = await measureRestart();
  say(
    `restart: ready ${restart.readySeconds.toFixed(1)} s, all recorded ${restart.seconds.toFixed(1)} s after the start`,
  );

  const middle = (name: 'ours' | 'theirs' | 'ratio' | 'fromCommit') => median(runs.map((run) => run[name]));
  const ratio = middle('ratio');
  return {
    measure: `drain ${events.toLocaleString('en')} events, ${endpointCount} endpoints, one delivery each`,
    measured: perSecond(middle('ours')),
    beside: `${perSecond(middle('theirs'))} (bare signed POSTs)`,
    ratio,
    reach: `>= ${reach.toFixed(2)}`,
    reached: ratio >= reach,
    notes: [
      `receiver: ${receiver.name}; delivery threads: ${threads}; LOG_LEVEL: the default, to a file; Valkey: ${valkeyUrl ? 'yes' : 'none installed'}`,
      `from the commit, the relay's poll of up to a second included: ${perSecond(middle('fromCommit'))}`,
      `after a restart with as many waiting: ready in ${restart.readySeconds.toFixed(1)} s, all recorded ${restart.seconds.toFixed(1)} s after the process began`,
      `processor time a delivery, last pair: ${describe(runs.at(-1)!.cpuUs)}`,
    ],
    details: { events, endpoints: endpointCount, threads, receiver: receiver.name, ...versions, pairs: runs, restart },
  };

  /** The same backlog met by a new process: what its start, its cold code and cold reads cost. */
  async function measureRestart() {
    await tidings.stop();
    const after = await headOf(orm);
    await insertEvents(orm, endpoints, events);
    const startedAtMs = Date.now();
    const again = await startTidings(ground, { ...options, profileDirectory: null });
    await Promise.race([untilSettled(orm, after + events), again.ended]);
    const { lastAtMs } = await again.attemptsSince(0);
    const expected = await readExpected(orm, after);
    demandRight('Tidings after a restart', { endpoints, expected, received: await receiver.take() });
    return { readySeconds: again.readyMs / 1_000, seconds: (lastAtMs - startedAtMs) / 1_000 };
  }
}

function round(ratio: number): number {
  return Math.round(ratio * 1_000) / 1_000;
}

function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}

function describe(cpuUs: Record<string, number>): string {
  const parts = Object.entries(cpuUs).toSorted(([, one], [, other]) => other - one);
  return parts.map(([name, us]) => `${name} ${us} µs`).join(', ');
}
