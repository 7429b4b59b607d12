// Changes what is stored of endpoints' health, and records an operational event for each change, in one transaction.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { type OperationalFact, recordFacts } from '../outbox/operational-events.ts';
import type { FirstEvent } from '../dispatch/health.ts';
import type { HealthAnswer, HealthRow } from './health-writer.ts';

/**
 * Writes nothing on another database server than `server`, nor to a cursor of another generation or owner. Changes that were
 * stored by an earlier try, whose outcome was unknown, are not stored again.
 */
export async function writeHealth(
  orm: MikroORM,
  rows: readonly HealthRow[],
  server: string | null,
): Promise<HealthAnswer> {
  return await orm.em.fork().transactional(async (em) => {
    const values = JSON.stringify(rows.map(valuesOf));
    // Whoever locks several cursors does it in this order.
    await em.execute(
      `select 1 from ${given} join webhook_cursors c on ${isOwn} order by c.endpoint_id for update of c`,
      [values],
    );
    const changed = await changedBy(em, changeFlags, values, server);
    const paused = await changedBy(em, pauseFailing, values, server);
    const errors = await lastErrors(em, rows);
    await recordFacts(
      em,
      rows.flatMap((row) => [
        ...(changed.has(row.endpointId) ? changesOf(row, errors) : []),
        ...(row.pause?.isTold && paused.has(row.endpointId) ? [pauseOf(row, errors)] : []),
      ]),
    );
    return await readAnswer(em, rows, values);
  });
}

function valuesOf({ endpointId, generation, owner, ownerEpoch, after, changes, pause }: HealthRow) {
  const change = { after, changes: changes.length, failing: changes.at(-1)?.to === 'failing' };
  const whose = { endpoint_id: endpointId, generation, owner, owner_epoch: ownerEpoch };
  return { ...whose, ...change, pause_after_ms: pause?.afterMs ?? null, resumes: pause?.resumes ?? null };
}

const given = `json_to_recordset(?::json) as v (endpoint_id text, generation bigint, owner uuid, owner_epoch bigint,
  "after" integer, changes integer, failing boolean, pause_after_ms float8, resumes integer)`;

const isOwn = `c.endpoint_id = v.endpoint_id and c.generation = v.generation and c.owner = v.owner
  and c.owner_epoch = v.owner_epoch`;

const isServer = `pg_postmaster_start_time()::text = ?`;

const changeFlags = `
  update webhook_cursors c set failing = v.failing, failing_changes = v.after + v.changes
    from ${given}
   where ${isOwn} and v.changes > 0 and c.failing_changes = v.after and ${isServer}
  returning c.endpoint_id as id`;

const pauseFailing = `
  update webhook_cursors c set pause_reason = 'failing', paused_at = clock_timestamp()
    from ${given}
   where ${isOwn} and c.pause_reason is null and c.resumes = v.resumes
     and c.failing_since <= clock_timestamp() - v.pause_after_ms * interval '1 ms' and ${isServer}
  returning c.endpoint_id as id`;

async function changedBy(em: EntityManager, statement: string, values: string, server: string | null) {
  const rows = await em.execute<{ id: string }[]>(statement, [values, server]);
  return new Set(rows.map(({ id }) => id));
}

async function readAnswer(em: EntityManager, rows: readonly HealthRow[], values: string): Promise<HealthAnswer> {
  type Now = { id: string; changes: number; isPaused: boolean };
  const found = await em.execute<Now[]>(
    `select c.endpoint_id as id, c.failing_changes as changes, c.pause_reason is not null as "isPaused"
       from ${given} join webhook_cursors c on ${isOwn}`,
    [values],
  );
  const now = new Map(found.map((row) => [row.id, row]));
  const isStored = ({ endpointId, after, changes }: HealthRow) =>
    now.get(endpointId)?.changes === after + changes.length;
  const of = (some: readonly HealthRow[]) => new Set(some.map(({ endpointId }) => endpointId));
  return {
    refused: of(rows.filter((row) => !isStored(row))),
    paused: of(rows.filter(({ endpointId, pause }) => pause !== null && now.get(endpointId)?.isPaused)),
  };
}

type Errors = ReadonlyMap<string, string | null>;

const nameOf = (endpointId: string, { position }: FirstEvent) => `${endpointId} ${position}`;

/** How the last attempt at each event that fails has ended. */
async function lastErrors(em: EntityManager, rows: readonly HealthRow[]): Promise<Errors> {
  const asked = rows.flatMap(({ endpointId, generation, changes, pause }) => {
    const events = [...changes.map((change) => (change.to === 'failing' ? change.event : null)), pause?.event];
    return events.flatMap((event) =>
      event ? [{ endpoint_id: endpointId, generation, position: event.position }] : [],
    );
  });
  if (asked.length === 0) return new Map();
  type Row = { endpointId: string; position: number; error: string | null };
  const found = await em.execute<Row[]>(
    `select a.endpoint_id as "endpointId", a.position::float8 as position, d.error_message as error
       from json_to_recordset(?::json) as a (endpoint_id text, generation bigint, position bigint)
      cross join lateral (
        select error_message from webhook_deliveries d
         where d.endpoint_id = a.endpoint_id and d.generation = a.generation and d.position = a.position
           and d.origin = 'line' and d.status <> 'delivered'
         order by d.id desc limit 1) d`,
    [JSON.stringify(asked)],
  );
  return new Map(found.map(({ endpointId, position, error }) => [`${endpointId} ${position}`, error]));
}

function changesOf({ endpointId, changes }: HealthRow, errors: Errors): OperationalFact[] {
  return changes.map((change) => {
    if (change.to === 'well') return { type: 'webhook.endpoint_recovered', endpointId };
    const { event } = change;
    const errorMessage = errors.get(nameOf(endpointId, event)) ?? null;
    return { type: 'webhook.endpoint_failing', endpointId, eventId: event.id, errorMessage };
  });
}

function pauseOf({ endpointId, pause }: HealthRow, errors: Errors): OperationalFact {
  const paused = { type: 'webhook.endpoint_paused', endpointId, reason: 'failing' } as const;
  const event = pause?.event;
  return event ? { ...paused, eventId: event.id, errorMessage: errors.get(nameOf(endpointId, event)) ?? null } : paused;
}
