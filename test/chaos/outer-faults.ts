// Breaks what the instances stand on: their servers, the ways to them, and a receiver's certificate.

import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { hogConnections } from '../support/connection-hogs.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import type { Cluster } from './cluster.ts';
import type { Member, Ways } from './member.ts';
import type { OuterFault } from './plan.ts';

/** Less than it takes when it is empty. */
const fullAt = '500kb';
/** Of each chunk of bytes, either way. */
const slowByMs = 100;

export type OuterFaultsParts = {
  cluster: Cluster;
  chance: () => number;
  /** How long one lasts, where it does not end by itself at once: longer than a lease. */
  lastingMs(): number;
};

/** Each resolves when it is over, and the servers are there again, or start. */
export function createOuterFaults({ cluster, chance, lastingMs }: OuterFaultsParts) {
  const { members, halts, place, receiver } = cluster;

  /** Half of the time it is the way of one instance, while the others have theirs. */
  function someMembers(): readonly Member[] {
    return chance() < 0.5 ? members : [members[Math.floor(chance() * members.length)]!];
  }

  async function slow(server: keyof Ways): Promise<void> {
    const some = someMembers();
    for (const { ways } of some) ways[server].latencyMs = slowByMs;
    await sleep(lastingMs());
    for (const { ways } of some) ways[server].latencyMs = 0;
  }

  async function cutOff(some: readonly Member[], server: keyof Ways): Promise<void> {
    for (const { ways } of some) ways[server].blackhole(true);
    await sleep(lastingMs());
    for (const { ways } of some) ways[server].blackhole(false);
  }

  function reset(server: keyof Ways): void {
    for (const { ways } of someMembers()) ways[server].cut('reset');
  }

  /** What is answered meanwhile cannot be recorded, and leases run out. */
  async function withoutPostgres(some: readonly Member[], work: () => Promise<void>): Promise<void> {
    const at = monotonicMs();
    const senders = some.filter(({ service }) => service).map(({ sender }) => sender);
    await work();
    const goesOnAt = monotonicMs();
    for (const sender of senders) halts.push({ how: 'lost Postgres', sender, at, goesOnAt });
  }

  async function signalPostgres(name: NodeJS.Signals): Promise<void> {
    process.kill((await place.postgres()).pid, name);
  }

  async function asValkey(work: (valkey: Redis) => Promise<unknown>): Promise<void> {
    const valkey = new Redis(cluster.valkeyUrl);
    valkey.on('error', () => {});
    try {
      await work(valkey);
    } finally {
      valkey.disconnect();
    }
  }

  return {
    async 'Valkey killed'() {
      process.kill((await place.valkey()).pid, 'SIGKILL');
    },
    'Valkey wiped': () => asValkey((valkey) => valkey.flushall()),
    'Valkey full': () =>
      asValkey(async (valkey) => {
        await valkey.config('SET', 'maxmemory', fullAt);
        await sleep(lastingMs());
        await valkey.config('SET', 'maxmemory', 0);
      }),
    'Valkey slow': () => slow('valkey'),
    'Valkey cut off': () => cutOff(someMembers(), 'valkey'),
    'Valkey’s connections reset': async () => reset('valkey'),
    // As by pg_ctl stop -m immediate, and -m fast; it is started again by itself.
    'Postgres killed': () => signalPostgres('SIGQUIT'),
    'Postgres restarted': () => signalPostgres('SIGINT'),
    'Postgres slow': () => slow('postgres'),
    'Postgres cut off': () => {
      const some = someMembers();
      return withoutPostgres(some, () => cutOff(some, 'postgres'));
    },
    'Postgres’s connections reset': async () => reset('postgres'),
    'Postgres out of connections': () =>
      withoutPostgres(members, async () => {
        await Promise.all(members.map(({ ways }) => ways.postgres.fall()));
        using _hogs = await hogConnections(cluster.databaseUrl);
        await Promise.all(members.map(({ ways }) => ways.postgres.rise()));
        await sleep(lastingMs());
      }),
    async 'a wrong certificate'() {
      await receiver.showCertificate('wrong');
      await sleep(lastingMs());
      await receiver.showCertificate('right');
    },
  } satisfies Record<OuterFault, () => Promise<void>>;
}
