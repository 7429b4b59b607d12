// One chaos run: a cluster, a load, a nemesis, then healing, and the verdict.

import { setTimeout as sleep } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import { openOrm } from '../../src/model/orm.ts';
import { createChance } from '../support/chance.ts';
import { eventually } from '../support/eventually.ts';
import { judge } from '../support/judge/judge.ts';
import type { Verdict } from '../support/judge/verdict.ts';
import { readAttempts, forEverybody, readWholeLog, toLogged } from '../support/stored-history.ts';
import { isSteady, mostAttemptsAt } from './behaviours.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { readJournal } from '../support/receiver/journal-file.ts';
import { createNemesis } from './nemesis.ts';
import type { Fault } from './plan.ts';
import { type Resources, measureResources } from './resources.ts';
import { type Publishers, startPublishers } from './publishers.ts';

export type ChaosOptions = {
  /** One after another, spread over the whole load. */
  faults: readonly Fault[];
  instances: number;
  /** At least: every endpoint gets every event. */
  deliveries: number;
  endpoints: number;
  leaseTtlMs: number;
  seed: number;
  say(line: string): void;
};

export type ChaosOutcome = Verdict & {
  events: number;
  /** An event for an endpoint is one. */
  deliveries: number;
  /** RunningInstance whose retries were spent: some endpoints refuse some events. */
  givenUp: number;
  attempts: number;
  faults: Record<string, number>;
  /** Calls that published nothing that the publisher knew of. */
  unanswered: number;
  tookMs: number;
  /** From the last fault until every endpoint had everything. */
  healedMs: number;
  judgedMs: number;
  /** What the instances held when all was delivered, by what it is. */
  held: Resources['rows'];
};

const healsWithinMs = 120_000;
/** What was published for a fault is given this long to be under way. */
const underWayWithinMs = 5_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const { faults, instances, seed, leaseTtlMs, say } = options;
  const startedAt = monotonicMs();
  await using cluster = await openCluster(options);
  const events = Math.ceil(options.deliveries / cluster.endpoints.length);
  const chance = createChance(seed);
  const nemesis = createNemesis({ cluster, leaseTtlMs, chance });
  const burst = events / (faults.length + 1);
  let bursts = 0;
  const publishers = startPublishers({
    members: cluster.members,
    events,
    chance: createChance(seed + 1),
    allowed: () => Math.ceil(burst * bursts),
  });
  const { receiver, endpoints } = cluster;
  say(`${instances} instances are ready; ${events} events for ${endpoints.length} endpoints, seed ${seed}`);

  /** Resolves when some of the requests have come that what is published now makes. */
  async function underLoad(): Promise<void> {
    const target = (await receiver.progress()).requests + burst * endpoints.length * chance();
    const giveUpAt = monotonicMs() + underWayWithinMs;
    bursts += 1;
    while ((await receiver.progress()).requests < target && monotonicMs() < giveUpAt) await sleep(5);
  }

  for (const [index, fault] of faults.entries()) {
    const at = seconds(monotonicMs() - startedAt);
    const { requests } = await receiver.progress();
    say(
      `${at}, ${requests} requests, fault ${index + 1} of ${faults.length}: ${await nemesis.strike(fault, underLoad)}`,
    );
  }
  bursts = Infinity;
  nemesis.dropDead();
  const lastFaultAt = monotonicMs();
  await Promise.all(cluster.members.map((member) => member.start()));
  await publishers.done;
  await using orm = opened(cluster.databaseUrl);
  await settled(orm.orm, cluster, events);
  const healedMs = monotonicMs() - lastFaultAt;
  say(`healed after ${seconds(healedMs)}`);

  const held = await measureResources(cluster, orm.orm);
  const { canary, valkeyUrl } = cluster;
  const pids = cluster.members.flatMap(({ service }) => service?.pid ?? []);
  await canary.lookAround({ orm: orm.orm, valkeyUrl, pids });

  for (const member of cluster.members) member.isDoomed = true;
  await Promise.all(cluster.members.map(async ({ service }) => await service?.stop()));
  await cluster.receiver.stop();
  const tookMs = monotonicMs() - startedAt;
  const verdict = await judgeRun(orm.orm, cluster, publishers);
  const judgedMs = monotonicMs() - startedAt - tookMs;
  return {
    ...verdict,
    longestStall: { ...verdict.longestStall, at: verdict.longestStall.at - startedAt },
    wrongs: [...cluster.surprises, ...held.wrongs, ...canary.found(), ...verdict.wrongs],
    held: held.rows,
    events,
    faults: nemesis.counts,
    unanswered: publishers.unanswered(),
    tookMs,
    healedMs,
    judgedMs,
  };
}

/** Waits until each endpoint has a last row for each event, but not for ever: the judge says what is missing. */
async function settled(orm: MikroORM, { endpoints }: Cluster, events: number): Promise<void> {
  const isSettled = async () => {
    const rows = await orm.em
      .fork()
      .execute<{ count: number }[]>(
        `select count(distinct event_id)::int as count from webhook_deliveries where status <> 'retrying' group by endpoint_id`,
      );
    return rows.length === endpoints.length && rows.every(({ count }) => count === events);
  };
  await eventually(isSettled, { withinMs: healsWithinMs, everyMs: 500 }).catch(() => {});
}

async function judgeRun(orm: MikroORM, { journalFile, endpoints, halts }: Cluster, { acknowledged }: Publishers) {
  const log = await readWholeLog(orm);
  const wanted = toLogged(forEverybody(log));
  const attempts = await readAttempts(orm);
  const verdict = judge({
    events: toLogged(log),
    // They take every event, since before the first one.
    lines: endpoints.map((endpoint) => ({
      ...{ endpoint, events: wanted, before: 0, isWhole: true },
      ...{ isSteady: isSteady(endpoint), mostAttempts: mostAttemptsAt(endpoint) },
    })),
    requests: await readJournal(journalFile),
    attempts,
    acknowledged,
    causes: { halts },
  });
  const givenUp = attempts.filter(({ status }) => status === 'failed');
  return {
    ...verdict,
    attempts: attempts.length,
    deliveries: acknowledged.size * endpoints.length,
    givenUp: new Set(givenUp.map(({ eventId, endpoint }) => `${eventId} ${endpoint}`)).size,
  };
}

function opened(url: string) {
  const orm = openOrm({ url, connections: 1, name: 'test-chaos' });
  return { orm, [Symbol.asyncDispose]: () => orm.close(true) };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
