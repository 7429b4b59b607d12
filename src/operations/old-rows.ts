// Deletes old rows of tables without a partition a day, in batches, each a short transaction.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { positionsOf } from '../log/positions.ts';
import { firstIdOf } from '../model/uuid.ts';
import { deleteOldLog } from './old-log.ts';
import { neededDeliveries } from './old-partitions.ts';
import { alone } from './short-locks.ts';

/** What one run does not delete is left to the next. */
const limits = { rows: 5_000, batches: 200 };

/** A key is valid for a day; its row is kept this long. */
const keyIsKept = '2 days';
/** The longest window of an endpoint's statistics is a week. */
const leastOfMinutesMs = 8 * 24 * 60 * 60 * 1000;
/** A sign-in state is valid for ten minutes; for as long it must be known as used. */
const usedStateIsKept = '1 day';
/** For whoever opens it too late, it still says that it is too old. */
const expiredInvitationIsKept = '7 days';
/** An expired session is useless; the day is for clocks that differ. */
const expiredSessionIsKept = '1 day';

/** `batch` deletes at most 5,000 rows and returns how many. */
export type Purge = { table: string; batch(em: EntityManager): Promise<number> };

/** What may be deleted of the log, whose partitions were dropped by `cutoff` (Unix ms). */
export function logPurge(cutoff: number): Purge {
  return { table: 'webhook_log', batch: (em) => deleteOldLog(em, cutoff, limits.rows) };
}

/** What may be deleted of the other tables: of default partitions by `cutoff`, of the rest by `now`, both Unix ms. */
export function purges({ cutoff, now }: { cutoff: number; now: number }): Purge[] {
  return [
    { table: 'webhook_deliveries_default', batch: (em) => deleteDeliveries(em, cutoff) },
    {
      table: 'webhook_given_up',
      batch: (em) => deleteOlder(em, 'webhook_given_up', 'recorded_at', cutoff, '0 days'),
    },
    { table: 'webhook_events_default', batch: (em) => deleteEvents(em, cutoff) },
    {
      table: 'webhook_idempotency_keys',
      batch: (em) => deleteOlder(em, 'webhook_idempotency_keys', 'created_at', now, keyIsKept),
    },
    { table: 'webhook_endpoint_stats', batch: (em) => deleteOldMinutes(em, Math.min(cutoff, now - leastOfMinutesMs)) },
    { table: 'webhook_backlog_samples', batch: (em) => deleteOldSamples(em, cutoff) },
    { table: 'webhook_endpoint_outcomes', batch: deleteOrphans },
    {
      table: 'oauth_used_states',
      batch: (em) => deleteOlder(em, 'oauth_used_states', 'used_at', now, usedStateIsKept),
    },
    {
      table: 'oauth_invitations',
      batch: (em) => deleteOlder(em, 'oauth_invitations', 'expires_at', now, expiredInvitationIsKept),
    },
    {
      table: 'sessions',
      batch: (em) => deleteOlder(em, 'sessions', 'expires_at', now, expiredSessionIsKept),
    },
  ];
}

/** Runs one until nothing is left, its limit is reached or the signal; returns the number of rows deleted. */
export async function purge(orm: MikroORM, { batch }: Purge, signal: AbortSignal): Promise<number> {
  let rows = 0;
  for (let round = 0; round < limits.batches && !signal.aborted; round++) {
    const deleted = (await alone(orm, batch)) ?? 0;
    rows += deleted;
    if (deleted < limits.rows) break;
  }
  return rows;
}

async function deleteDeliveries(em: EntityManager, cutoff: number): Promise<number> {
  return await countDeleted(
    em,
    `delete from webhook_deliveries_default where id in (
       select id from webhook_deliveries_default
        where id < ?::uuid and id not in (select id from (${neededDeliveries('webhook_deliveries_default')}) needed)
        order by id limit ${limits.rows})`,
    [firstIdOf(cutoff)],
  );
}

/** The oldest that nothing refers to, under the same conditions as a partition of events. */
async function deleteEvents(em: EntityManager, cutoff: number): Promise<number> {
  const isUnused = `e.id < ?::uuid and not exists (select 1 from webhook_outbox o where o.event_id = e.id)
    and not exists (select 1 from webhook_replays s where s.event_id = e.id)
    and not exists (select 1 from webhook_deliveries d where d.event_id = e.id)`;
  const before = firstIdOf(cutoff);
  const rows = await em.execute<{ id: string }[]>(
    `select e.id from webhook_events_default e where ${isUnused} order by e.id limit ${limits.rows}`,
    [before],
  );
  // What has left the queue until then is in the log.
  const positions = await positionsOf(
    em,
    rows.map(({ id }) => id),
  );
  const old = rows.filter(({ id }) => !positions.has(id)).map(({ id }) => id);
  if (old.length === 0) return 0;
  // As for a partition: no replay of an event can be stored between the check and the delete.
  await em.execute('lock table webhook_events_default in access exclusive mode');
  return await countDeleted(
    em,
    `delete from webhook_events_default e
      where id in (select json_array_elements_text(?::json)::uuid) and ${isUnused}`,
    [JSON.stringify(old), before],
  );
}

/** By ctid: none of these tables has an index on its time, and old rows lie at the front. */
async function deleteOlder(
  em: EntityManager,
  table: string,
  column: string,
  now: number,
  kept: string,
): Promise<number> {
  return await countDeleted(
    em,
    `delete from ${table} where ctid in (
       select ctid from ${table} where ${column} < to_timestamp(?::float8 / 1000) - ?::interval limit ${limits.rows})`,
    [now, kept],
  );
}

/** The ids that a table begins its key with, as `each`: one look into the index for each, however many rows it has. */
const eachEndpointOf = (table: string) => `
  with recursive each (endpoint_id) as (
    (select endpoint_id from ${table} order by endpoint_id limit 1)
    union all
    select (select t.endpoint_id from ${table} t where t.endpoint_id > each.endpoint_id order by t.endpoint_id limit 1)
      from each where each.endpoint_id is not null
  )`;

async function deleteOldMinutes(em: EntityManager, cutoff: number): Promise<number> {
  return await countDeleted(
    em,
    `delete from webhook_endpoint_stats where ctid in (
       ${eachEndpointOf('webhook_endpoint_stats')}
       select old.ctid from each cross join lateral (
         select s.ctid from webhook_endpoint_stats s
          where s.endpoint_id = each.endpoint_id and s.minute < to_timestamp(?::float8 / 1000) limit ${limits.rows}
       ) old limit ${limits.rows})`,
    [cutoff],
  );
}

/** The last one before the cutoff still says how many wait, unless none does. */
async function deleteOldSamples(em: EntityManager, cutoff: number): Promise<number> {
  return await countDeleted(
    em,
    `delete from webhook_backlog_samples where ctid in (
       ${eachEndpointOf('webhook_backlog_samples')}
       select old.ctid from each cross join lateral (
         select s.endpoint_id, s.at, s.backlog from webhook_backlog_samples s
          where s.endpoint_id = each.endpoint_id and s.at < to_timestamp(?::float8 / 1000) order by s.at desc limit 1
       ) last cross join lateral (
         select s.ctid from webhook_backlog_samples s
          where s.endpoint_id = each.endpoint_id
            and (s.at < last.at or s.at = last.at and (last.backlog = 0 or s.endpoint_id = '*')) limit ${limits.rows}
       ) old limit ${limits.rows})`,
    [cutoff],
  );
}

/** Written late, after the endpoint was removed. */
async function deleteOrphans(em: EntityManager): Promise<number> {
  return await countDeleted(
    em,
    `delete from webhook_endpoint_outcomes where endpoint_id in (
       select endpoint_id from webhook_endpoint_outcomes o
        where not exists (select 1 from webhook_cursors c where c.endpoint_id = o.endpoint_id) limit ${limits.rows})`,
    [],
  );
}

async function countDeleted(em: EntityManager, statement: string, parameters: unknown[]): Promise<number> {
  const [{ rows }] = await em.execute<[{ rows: number }]>(
    `with deleted as (${statement} returning 1) select count(*)::int as rows from deleted`,
    parameters,
  );
  return rows;
}
