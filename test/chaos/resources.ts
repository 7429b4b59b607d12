// What the instances of a chaos run hold when all is over: a leak shows here, after faults of every kind.

import { readFile, readdir } from 'node:fs/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.ts';
import type { Cluster } from './cluster.ts';

/** Of one instance with one thread, by the name that a connection gives itself. */
const mostConnections: Record<string, number> = {
  tidings: 10,
  'tidings-reads': 4,
  'tidings-relay': 1,
  'tidings-heartbeat': 1,
  'tidings-readiness': 1,
  'tidings-thread': 1,
};
/** Idle, it has some 60 and 220 MiB. */
const mostFiles = 160;
const mostMebibytes = 400;
/** Trimmed to about 1,000, by whole nodes of a hundred. */
const mostEntries = 1_200;
/** What belonged to somebody who is dead is given back within. */
const givenBackWithinMs = 15_000;

export type Resources = {
  /** For the table: what it is, and how much. */
  rows: [what: string, amount: string][];
  wrongs: string[];
};

type Amount = { what: string; amount: number; most: number };

/** Waits, within bounds, until all is within its bounds. */
export async function measureResources(cluster: Cluster, orm: MikroORM): Promise<Resources> {
  const isBeyond = ({ amount, most }: Amount) => amount > most;
  const isWithin = async () => !(await measure(cluster, orm)).some(isBeyond);
  // What is still beyond then is told as it stands.
  await eventually(isWithin, { withinMs: givenBackWithinMs, everyMs: 500 }).catch(() => {});
  const amounts = await measure(cluster, orm);
  return {
    rows: amounts.map(({ what, amount, most }) => [`${what} (at most ${most})`, String(amount)]),
    wrongs: amounts
      .filter(isBeyond)
      .map(({ what, amount, most }) => `beyond its bounds: ${what}: ${amount}, at most ${most}`),
  };
}

async function measure(cluster: Cluster, orm: MikroORM): Promise<Amount[]> {
  const { members } = cluster;
  const found = await orm.em
    .fork()
    .execute<{ name: string; count: number }[]>(
      `select application_name as name, count(*)::int as count from pg_stat_activity where application_name like 'tidings%' group by 1`,
    );
  const amounts = Object.entries(mostConnections).map(([name, most]) => ({
    what: `connections to Postgres named ${name}`,
    amount: found.find((one) => one.name === name)?.count ?? 0,
    most: most * members.length,
  }));
  amounts.push({ what: 'entries of the stream', amount: await countEntries(cluster.valkeyUrl), most: mostEntries });
  // Only Linux tells the rest.
  if (process.platform !== 'linux') return amounts;
  const pids = members.flatMap(({ service }) => service?.pid ?? []);
  const files = await Promise.all(pids.map(async (pid) => (await readdir(`/proc/${pid}/fd`)).length));
  const mebibytes = await Promise.all(pids.map(readResidentMebibytes));
  amounts.push({ what: 'most open files of an instance', amount: Math.max(...files), most: mostFiles });
  amounts.push({ what: 'most resident MiB of an instance', amount: Math.max(...mebibytes), most: mostMebibytes });
  return amounts;
}

async function countEntries(valkeyUrl: string): Promise<number> {
  const valkey = new Redis(valkeyUrl);
  try {
    let entries = 0;
    for (const key of await valkey.keys('tidings:*:events')) entries += await valkey.xlen(key);
    return entries;
  } finally {
    valkey.disconnect();
  }
}

async function readResidentMebibytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024);
}
