// Removes what is old of the log, strictly from its beginning, and says who keeps it.
//
// A partition goes whole. The log of an installation that is quiet needs years for one: there, what is more than a day too
// old is deleted row by row. Either way the log that is left has no hole.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { endpointsBefore, holdPlaces, keptPlace } from '../cursors/kept-place.ts';
import { logPartitions } from '../log/log-partitions.ts';
import { dayMs } from './day-partitions.ts';
import type { KeptPartition } from './old-partitions.ts';
import { alone, lockPartition } from './short-locks.ts';

/**
 * Drops the log's oldest partition if everybody has passed it and its newest event has its position since before `cutoff`
 * (Unix ms). Returns its name, or null.
 */
export async function dropOldLog(orm: MikroORM, cutoff: number): Promise<string | null> {
  return await alone(orm, async (em) => {
    const [oldest] = await logPartitions(em);
    if (!oldest) return null;
    const { partition, last } = oldest;
    await holdPlaces(em);
    // The relay locks in this order, too.
    await em.execute('select 1 from webhook_log_head for update');
    const [{ mayGo }] = await em.execute<[{ mayGo: boolean }]>(
      `select ?::bigint <= ${keptPlace}
              and coalesce((select positioned_at from ${partition} order by position desc limit 1) < ${timeOf}, true)
                as "mayGo"`,
      [last, cutoff],
    );
    if (!mayGo) return null;
    await lockPartition(em, 'webhook_log', partition);
    await em.execute(`drop table ${partition}`);
    return partition;
  });
}

/**
 * Deletes the log's first rows, at most so many, as far as everybody has passed them and they have their positions since
 * more than a day before `cutoff` (Unix ms). Returns how many.
 */
export async function deleteOldLog(em: EntityManager, cutoff: number, most: number): Promise<number> {
  const [oldest] = await logPartitions(em);
  if (!oldest) return 0;
  await holdPlaces(em);
  const [{ rows }] = await em.execute<[{ rows: number }]>(
    `with first as materialized (
       select position, positioned_at from ${oldest.partition}
        where position <= ${keptPlace} order by position limit ${most}
     ), deleted as (
       delete from ${oldest.partition}
        where position < coalesce((select min(position) from first where positioned_at >= ${timeOf}),
                                  (select max(position) + 1 from first))
       returning 1
     )
     select count(*)::int as rows from deleted`,
    [cutoff - dayMs],
  );
  return rows;
}

/** The log's oldest partition, if it has rows that `deleteOldLog` would delete but for the endpoints that need them. */
export async function keptOfLog(em: EntityManager, cutoff: number): Promise<KeptPartition | null> {
  const [kept] = await em.execute<{ partition: string; endpoints: string[] }[]>(
    `select oldest.partition, ${endpointsBefore('oldest.position')} as endpoints
       from (select tableoid::regclass::text as partition, position, positioned_at from webhook_log
              order by position limit 1) oldest
      where positioned_at < ${timeOf}`,
    [cutoff - dayMs],
  );
  if (!kept || kept.endpoints.length === 0) return null;
  return {
    ...kept,
    reason: 'endpoints that are paused or behind, or their replays, still need its events',
    isUsual: false,
  };
}

const timeOf = 'to_timestamp(?::float8 / 1000)';
