// Queues failed deliveries to be sent again, beside the lines of their endpoints, and forgets those that wait.

import type { EntityManager, FilterQuery, QBFilterQuery } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { newId } from '../model/new-id.ts';
import { WebhookDelivery } from '../model/webhook-delivery.ts';
import { Refusal } from '../policy/refusal.ts';

/** By the ids of deliveries (UUIDs in lower case), or all that match; null: none does. Only those that failed count. */
export type ReplayWish = { deliveryIds: readonly string[] } | { where: FilterQuery<WebhookDelivery> | null };

const mostAtOnce = 100_000;
/** Rows of one insert. */
const batch = 5_000;

type Failed = { id: string; endpointId: string; eventId: string; position: number };

/**
 * Queues what the wish names, once for each endpoint and event, in log order; returns the ids of the endpoints and how
 * many were queued. Left out is what was delivered after its failure and what is queued already. `enabled`: the ids of the
 * endpoints that may be sent to. Throws Refusal NOT_FOUND for an unknown id, CONFLICT for a delivery that did not fail or
 * whose endpoint is removed or disabled, BAD_USER_INPUT for too many.
 */
export async function queueReplays(
  em: EntityManager,
  wish: ReplayWish,
  enabled: ReadonlySet<string>,
): Promise<{ endpoints: string[]; queued: number }> {
  const failed = await findFailed(em, wish, enabled);
  // Removing an endpoint deletes its queued replays: either before this lock, or after these are committed.
  const endpoints = [...new Set(failed.map(({ endpointId }) => endpointId))].toSorted();
  await em.execute(
    `select 1 from webhook_cursors where endpoint_id in (select json_array_elements_text(?::json))
      order by endpoint_id for key share`,
    [JSON.stringify(endpoints)],
  );
  let queued = 0;
  for (const rows of inBatches(await inLogOrder(em, failed))) queued += await insert(em, rows);
  return { endpoints, queued };
}

/** How many replays `queueReplays` would queue now. Throws as it does. */
export async function countReplays(em: EntityManager, wish: ReplayWish, enabled: ReadonlySet<string>): Promise<number> {
  let count = 0;
  for (const rows of inBatches(await inLogOrder(em, await findFailed(em, wish, enabled)))) {
    count += rows.length - (await countQueued(em, rows));
  }
  return count;
}

/** Forgets the replays of an endpoint that are not over; its tests stay. Returns how many. */
export async function forgetReplays(em: EntityManager, endpointId: string): Promise<number> {
  const forgotten = await em.execute<unknown[]>(
    `delete from webhook_replays where endpoint_id = ? and origin = 'replay' returning 1`,
    [endpointId],
  );
  return forgotten.length;
}

async function findFailed(em: EntityManager, wish: ReplayWish, enabled: ReadonlySet<string>): Promise<Failed[]> {
  const failed =
    'deliveryIds' in wish ? await byIds(em, wish.deliveryIds, enabled) : await byFilter(em, wish.where, enabled);
  if (failed.length <= mostAtOnce) return failed;
  const message = `More than ${mostAtOnce} failed deliveries match: choose a shorter time (since, until) or a narrower filter, and call again for the rest.`;
  throw new Refusal('BAD_USER_INPUT', message);
}

async function byIds(
  em: EntityManager,
  deliveryIds: readonly string[],
  enabled: ReadonlySet<string>,
): Promise<Failed[]> {
  const rows = await em.execute<(Failed & { status: string })[]>(
    `select id, endpoint_id as "endpointId", event_id as "eventId", position::float8 as position, status from webhook_deliveries
      where id in (select json_array_elements_text(?::json)::uuid)`,
    [JSON.stringify(deliveryIds)],
  );
  const found = new Map(rows.map((row) => [row.id, row]));
  for (const id of deliveryIds) {
    const row = found.get(id);
    if (!row) throw new Refusal('NOT_FOUND', `There is no delivery ${id}.`, 'deliveryIds');
    if (row.status !== 'failed') {
      const state = row.status === 'retrying' ? 'another attempt follows it' : 'it was delivered';
      throw new Refusal('CONFLICT', `The delivery ${id} did not fail for good: ${state}.`, 'deliveryIds');
    }
    if (!enabled.has(row.endpointId)) {
      const message = `The delivery ${id} was for ${row.endpointId}, which is removed or disabled.`;
      throw new Refusal('CONFLICT', message, 'deliveryIds');
    }
  }
  return newestOfEach(rows);
}

/** One more than the limit, so that too many are noticed. */
async function byFilter(
  em: EntityManager,
  where: FilterQuery<WebhookDelivery> | null,
  enabled: ReadonlySet<string>,
): Promise<Failed[]> {
  if (where === null) return [];
  const onlyFailed = { $and: [where, { status: 'failed' }] } as QBFilterQuery<WebhookDelivery>;
  const query = em.createQueryBuilder(WebhookDelivery).select(['id', 'endpointId', 'eventId', 'position']);
  const matching = sql.raw(query.where(onlyFailed).getFormattedQuery());
  const { rows } = await sql<Failed>`
    select distinct on (endpoint_id, event_id)
           id, endpoint_id as "endpointId", event_id as "eventId", position::float8 as position
      from (${matching}) matching
     where endpoint_id = any(${[...enabled]}::text[])
     order by endpoint_id, event_id, id desc limit ${mostAtOnce + 1}`.execute(em.getKysely());
  return rows;
}

function newestOfEach(rows: readonly Failed[]): Failed[] {
  const newest = new Map<string, Failed>();
  for (const row of rows) {
    const name = `${row.endpointId} ${row.eventId}`;
    if (row.id > (newest.get(name)?.id ?? '')) newest.set(name, row);
  }
  return [...newest.values()];
}

/**
 * Those that were not delivered after their failure, by the database's clock, in the order of their positions. Reading the events locks them
 * against retention until the replays are committed; then the replays keep them: see operations/old-partitions.ts.
 */
async function inLogOrder(em: EntityManager, failed: readonly Failed[]): Promise<Failed[]> {
  const { rows } = await sql<Failed>`
    select f.* from ${unnested(failed)}
      join webhook_events e on e.id = f."eventId"
     where not exists (
       select 1 from webhook_deliveries d
        where d.event_id = f."eventId" and d.endpoint_id = f."endpointId" and d.status = 'delivered'
          and d.recorded_at > (select recorded_at from webhook_deliveries where id = f.id))
     order by f.position, f."endpointId"`.execute(em.getKysely());
  return rows;
}

async function insert(em: EntityManager, failed: readonly Failed[]): Promise<number> {
  const items = failed.map((row) => ({ ...row, id: newId() }));
  const { rows } = await sql`
    insert into webhook_replays (id, endpoint_id, event_id, position, origin)
      select f.id, f."endpointId", f."eventId", f.position, 'replay' from ${unnested(items)} order by f.id
    on conflict (endpoint_id, event_id) do nothing returning 1`.execute(em.getKysely());
  return rows.length;
}

async function countQueued(em: EntityManager, rows: readonly Failed[]): Promise<number> {
  const found = await sql<{ count: number }>`
    select count(*)::int as count from ${unnested(rows)}
      join webhook_replays s on s.endpoint_id = f."endpointId" and s.event_id = f."eventId"`.execute(em.getKysely());
  return found.rows[0]!.count;
}

function unnested(rows: readonly Failed[]) {
  return sql`unnest(${rows.map(({ id }) => id)}::uuid[], ${rows.map(({ endpointId }) => endpointId)}::text[],
    ${rows.map(({ eventId }) => eventId)}::uuid[], ${rows.map(({ position }) => position)}::float8[])
    as f (id, "endpointId", "eventId", position)`;
}

function inBatches<Row>(rows: readonly Row[]): Row[][] {
  return Array.from({ length: Math.ceil(rows.length / batch) }, (_, index) => {
    return rows.slice(index * batch, (index + 1) * batch);
  });
}
