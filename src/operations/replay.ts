// Queues failed deliveries to be sent again, beside the lines of their endpoints.

import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { newId } from '../model/new-id.ts';
import { idBeyond, lowestIdSince } from '../model/uuid.ts';
import { Refusal } from '../policy/refusal.ts';

/** By the ids of deliveries (UUIDs in lower case), or by an endpoint and the time at which its attempts began. */
export type ReplayWish =
  | { deliveryIds: readonly string[] }
  | { endpointId: string; since: Date | null; until: Date | null };

const mostAtOnce = 100_000;
/** Rows of one insert. */
const batch = 5_000;

type Failed = { id: string; endpointId: string; eventId: string; position: number };

/**
 * Queues what the wish names, once for each endpoint and event, in log order; returns the ids of the endpoints and how
 * many were queued. Left out is what was delivered after its failure and what is queued already. `mayReplay` says whether
 * an endpoint may be sent to. Throws Refusal NOT_FOUND for an unknown id, CONFLICT for a delivery that did not fail or
 * whose endpoint is removed or disabled, BAD_USER_INPUT for too many.
 */
export async function queueReplays(
  em: EntityManager,
  wish: ReplayWish,
  mayReplay: (endpointId: string) => boolean,
): Promise<{ endpoints: string[]; queued: number }> {
  const failed = 'deliveryIds' in wish ? await byIds(em, wish.deliveryIds, mayReplay) : await byWindow(em, wish);
  if (failed.length > mostAtOnce) {
    throw new Refusal('BAD_USER_INPUT', `More than ${mostAtOnce} failed deliveries match: choose a narrower window.`);
  }
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

async function byIds(
  em: EntityManager,
  deliveryIds: readonly string[],
  mayReplay: (endpointId: string) => boolean,
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
    if (!mayReplay(row.endpointId)) {
      const message = `The delivery ${id} was for ${row.endpointId}, which is removed or disabled.`;
      throw new Refusal('CONFLICT', message, 'deliveryIds');
    }
  }
  return newestOfEach(rows);
}

/** One more than the limit, so that too many are noticed. */
async function byWindow(
  em: EntityManager,
  { endpointId, since, until }: Extract<ReplayWish, { endpointId: string }>,
): Promise<Failed[]> {
  const conditions = [
    ...(since ? ['created_at >= ?::timestamptz and id >= ?::uuid'] : []),
    ...(until ? ['created_at < ?::timestamptz and id < ?::uuid'] : []),
  ];
  const values = [
    ...(since ? [since.toISOString(), lowestIdSince(since)] : []),
    ...(until ? [until.toISOString(), idBeyond(until)] : []),
  ];
  return await em.execute<Failed[]>(
    `select distinct on (event_id) id, endpoint_id as "endpointId", event_id as "eventId", position::float8 as position
       from webhook_deliveries
      where endpoint_id = ? and status = 'failed' ${conditions.map((condition) => `and ${condition}`).join(' ')}
      order by event_id, id desc limit ${mostAtOnce + 1}`,
    [endpointId, ...values],
  );
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
 * Those that were not delivered after their failure, by the positions of their events. Reading the events locks them
 * against retention until the replays are committed; then the replays keep them: see operations/old-partitions.ts.
 */
async function inLogOrder(em: EntityManager, failed: readonly Failed[]): Promise<Failed[]> {
  const { rows } = await sql<Failed>`
    select f.* from ${unnested(failed)}
      join webhook_events e on e.id = f."eventId"
     where not exists (
       select 1 from webhook_deliveries d
        where d.event_id = f."eventId" and d.endpoint_id = f."endpointId" and d.status = 'delivered' and d.id > f.id)
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
