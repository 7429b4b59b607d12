// Drops old days of the two logs that nothing needs any more, and says why an old day is kept.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { isOfLine, isSettled } from '../cursors/predicates.ts';
import { firstIdOf } from '../model/uuid.ts';
import {
  advisoryLock,
  dayMs,
  dayOfPartition,
  lockTimeoutMs,
  type PartitionedTable,
  partitionsOf,
} from './day-partitions.ts';

/** An old partition that is kept, and why. */
export type KeptPartition = {
  partition: string;
  reason: string;
  /** Ids of the endpoints that still need it, at most ten. */
  endpoints: string[];
  /** No reason for a warning: it can be dropped in a day or so. */
  isUsual: boolean;
};

export type Dropped = { dropped: string | null; kept: KeptPartition[] };

const nothing: Dropped = { dropped: null, kept: [] };

type Day = { partition: string; from: string; to: string };

/**
 * Runs `work` in a transaction of its own, or not at all (null) while a partition is being added or dropped. It waits at
 * most a second for each lock.
 */
export async function alone<T>(orm: MikroORM, work: (em: EntityManager) => Promise<T>): Promise<T | null> {
  return await orm.em.fork().transactional(async (em) => {
    const [{ mine }] = await em.execute<[{ mine: boolean }]>(
      `select pg_try_advisory_xact_lock(${advisoryLock}) as mine, set_config('lock_timeout', '${lockTimeoutMs}ms', true)`,
    );
    return mine ? await work(em) : null;
  });
}

/**
 * Drops the oldest partition of the delivery log whose whole day is before `cutoff` (Unix ms) and whose rows no endpoint
 * needs to know what it has to send. A partition that is kept does not keep younger ones.
 */
export async function dropOldDeliveries(orm: MikroORM, cutoff: number): Promise<Dropped> {
  const done = await alone(orm, async (em): Promise<Dropped> => {
    const kept: KeptPartition[] = [];
    for (const { partition } of await daysBefore(em, 'webhook_deliveries', cutoff)) {
      const endpoints = await endpointsThatNeed(em, partition);
      if (endpoints.length === 0) {
        // No second check under the lock: within a generation a cursor only moves forward.
        await lock(em, 'webhook_deliveries', partition);
        await em.execute(`drop table ${partition}`);
        return { dropped: partition, kept };
      }
      kept.push({ partition, reason: 'attempts at events that are not settled yet', endpoints, isUsual: false });
    }
    return { dropped: null, kept };
  });
  return done ?? nothing;
}

/**
 * Drops the oldest partition of the event log if its whole day is before `cutoff` (Unix ms) and nothing needs an event of
 * it. Only the oldest, so that the events that are left have no hole.
 */
export async function dropOldEvents(orm: MikroORM, cutoff: number): Promise<Dropped> {
  const done = await alone(orm, async (em): Promise<Dropped> => {
    const [day] = await daysBefore(em, 'webhook_events', cutoff);
    if (!day) return nothing;
    let kept = await whyKept(em, day);
    if (!kept) {
      await lock(em, 'webhook_events', day.partition);
      // Once more under the lock. A rewind or replay reads its event in the transaction that stores it, so it comes
      // either before this check or after the drop.
      kept = await whyKept(em, day);
    }
    if (kept) return { dropped: null, kept: [kept] };
    await em.execute(`drop table ${day.partition}`);
    return { dropped: day.partition, kept: [] };
  });
  return done ?? nothing;
}

/** The beginning (Unix ms) of the oldest day of which the event log has a partition; Infinity without any. */
export async function oldestEventDay(em: EntityManager): Promise<number> {
  const names = await partitionsOf(em, 'webhook_events');
  return Math.min(...[...names].map((name) => dayOfPartition('webhook_events', name) ?? Infinity));
}

/**
 * The ids and endpoints of a table's delivery rows from which cursors are loaded: what a start skips or counts as
 * tried. See cursors/load-cursors.ts. A pause gives its event a new budget of attempts, so the failed attempts before
 * it are not needed.
 */
export const neededDeliveries = (table: string) => `
  select d.id, d.endpoint_id from webhook_cursors c
    join ${table} d on ${isOfLine} and d.position > c.position
   where ${isSettled} or (c.pause_reason is null and d.resumes = c.resumes)
  union all
  select d.id, d.endpoint_id from webhook_replays s
    join ${table} d on d.event_id = s.event_id and d.replay_id = s.id`;

async function daysBefore(em: EntityManager, table: PartitionedTable, cutoff: number): Promise<Day[]> {
  const names = await partitionsOf(em, table);
  return [...names].toSorted().flatMap((partition) => {
    const day = dayOfPartition(table, partition);
    if (day === null || day + dayMs > cutoff) return [];
    return [{ partition, from: firstIdOf(day), to: firstIdOf(day + dayMs) }];
  });
}

/** The parent first, as all others do; without `only` the partitions of all other days would be locked too. */
async function lock(em: EntityManager, table: PartitionedTable, partition: string): Promise<void> {
  await em.execute(`lock table only ${table} in access exclusive mode`);
  await em.execute(`lock table ${partition} in access exclusive mode`);
}

async function endpointsThatNeed(em: EntityManager, partition: string): Promise<string[]> {
  const rows = await em.execute<{ id: string }[]>(
    `select distinct endpoint_id as id from (${neededDeliveries(partition)}) needed order by 1 limit 10`,
  );
  return rows.map(({ id }) => id);
}

/** Each part is answered by an index, so this may run under the lock. */
async function whyKept(em: EntityManager, { partition, from, to }: Day): Promise<KeptPartition | null> {
  type Answers = { unnumbered: boolean; behind: string[]; beside: string[]; attempted: boolean; older: boolean };
  const [found] = await em.execute<[Answers]>(
    `select exists (select 1 from ${partition} where position is null) as unnumbered,
            array(select endpoint_id from webhook_cursors
                   where position < (select max(position) from ${partition}) order by position limit 10) as behind,
            array(select distinct endpoint_id from webhook_replays
                   where event_id >= ?::uuid and event_id < ?::uuid order by 1 limit 10) as beside,
            exists (select 1 from webhook_deliveries where event_id >= ?::uuid and event_id < ?::uuid) as attempted,
            exists (select 1 from webhook_events_default where id < ?::uuid) as older`,
    [from, to, from, to, from],
  );
  const kept = (reason: string, endpoints: string[] = []) => ({ partition, reason, endpoints, isUsual: false });
  if (found.behind.length > 0)
    return kept('endpoints that are paused or behind have not settled its events', found.behind);
  if (found.beside.length > 0) return kept('tests or replays of its events are still to be sent', found.beside);
  if (found.unnumbered) return kept('it holds events without a position');
  if (found.older) return kept('older events in the default partition are not gone yet');
  // Attempts that came after the day's end are in the next day's partition.
  return found.attempted ? { ...kept('the delivery log still has attempts at its events'), isUsual: true } : null;
}
