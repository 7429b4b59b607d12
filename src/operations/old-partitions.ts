// Drops old days of events and deliveries that nothing needs any more, and says why an old day is kept.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { isOfLine, isSettled } from '../cursors/predicates.ts';
import { firstIdOf } from '../model/uuid.ts';
import { dayMs, dayOfPartition, type PartitionedTable, partitionsOf } from './day-partitions.ts';
import { alone, lockPartition } from './short-locks.ts';

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

type Day = { partition: string; from: string; to: string };

/**
 * Drops the oldest partition of the delivery log whose whole day is before `cutoff` (Unix ms) and whose rows no endpoint
 * needs to know what it has to send. A partition that is kept does not keep younger ones.
 * Null: partitions are being added or dropped elsewhere, so nobody has looked.
 */
export async function dropOldDeliveries(orm: MikroORM, cutoff: number): Promise<Dropped | null> {
  return await alone(orm, async (em): Promise<Dropped> => {
    const kept: KeptPartition[] = [];
    for (const { partition } of await daysBefore(em, 'webhook_deliveries', cutoff)) {
      const endpoints = await endpointsThatNeed(em, partition);
      if (endpoints.length === 0) {
        // No second check under the lock: within a generation a cursor only moves forward.
        await lockPartition(em, 'webhook_deliveries', partition);
        await em.execute(`drop table ${partition}`);
        return { dropped: partition, kept };
      }
      kept.push({ partition, reason: 'attempts at events that are not settled yet', endpoints, isUsual: false });
    }
    return { dropped: null, kept };
  });
}

/**
 * Drops the oldest partition of the events if its whole day is before `cutoff` (Unix ms) and neither the log nor the queue,
 * a replay or a delivery refers to an event of it. Null as above.
 */
export async function dropOldEvents(orm: MikroORM, cutoff: number): Promise<Dropped | null> {
  return await alone(orm, async (em): Promise<Dropped> => {
    const [day] = await daysBefore(em, 'webhook_events', cutoff);
    if (!day) return { dropped: null, kept: [] };
    const [{ head }] = await em.execute<[{ head: number }]>('select position::float8 as head from webhook_log_head');
    let kept = await whyKept(em, day, 0);
    if (!kept) {
      await lockPartition(em, 'webhook_events', day.partition);
      // Once more under the lock, which everybody waits for: of the log, only what was added meanwhile. Who records an
      // event or stores a replay of it holds the table until it is committed: before this check, or after the drop.
      kept = await whyKept(em, day, head);
    }
    if (kept) return { dropped: null, kept: [kept] };
    await em.execute(`drop table ${day.partition}`);
    return { dropped: day.partition, kept: [] };
  });
}

/**
 * The ids and endpoints of a table's delivery rows from which cursors are loaded: what a start skips or counts as
 * tried. See cursors/load-cursors.ts. By those of a paused endpoint its first event is still seen, and skipped.
 */
export const neededDeliveries = (table: string) => `
  select d.id, d.endpoint_id from webhook_cursors c
    join ${table} d on ${isOfLine} and d.position > c.position
   where ${isSettled} or d.resumes = c.resumes
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

async function endpointsThatNeed(em: EntityManager, partition: string): Promise<string[]> {
  const rows = await em.execute<{ id: string }[]>(
    `select distinct endpoint_id as id from (${neededDeliveries(partition)}) needed order by 1 limit 10`,
  );
  return rows.map(({ id }) => id);
}

/** Looks at the log above a position. */
async function whyKept(em: EntityManager, { partition, from, to }: Day, above: number): Promise<KeptPartition | null> {
  type Answers = { queued: boolean; logged: boolean; beside: string[]; attempted: boolean };
  const ofDay = 'event_id >= ?::uuid and event_id < ?::uuid';
  const [found] = await em.execute<[Answers]>(
    `select exists (select 1 from webhook_outbox where ${ofDay}) as queued,
            array(select distinct endpoint_id from webhook_replays where ${ofDay} order by 1 limit 10) as beside,
            exists (select 1 from webhook_log where position > ? and ${ofDay}) as logged,
            exists (select 1 from webhook_deliveries where ${ofDay}) as attempted`,
    [from, to, from, to, above, from, to, from, to],
  );
  const kept = (reason: string, endpoints: string[] = []) => ({ partition, reason, endpoints, isUsual: false });
  if (found.queued) return kept('it holds events without a position');
  if (found.beside.length > 0) return kept('tests or replays of its events are still to be sent', found.beside);
  if (found.logged) return { ...kept('the log still has its events'), isUsual: true };
  // Attempts that came after the day's end are in the next day's partition.
  return found.attempted ? { ...kept('the delivery log still has attempts at its events'), isUsual: true } : null;
}
