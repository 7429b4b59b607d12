// Writes delivery rows, many in one statement: by COPY, or by an insert that leaves what is there already as it is.

import type { EntityManager } from '@mikro-orm/postgresql';
import { CompiledQuery, sql } from 'kysely';
import type { DeliveryRow } from './delivery-row.ts';

/** Whose rows they are, and which of its batches. `version`: of the Tidings that writes them. */
export type Batch = { writer: string; number: number; version: string };

/** Each column's name, its type in Postgres, and its key in a row. A column that is missing here has its default. */
const columns: readonly [name: string, type: string, key: keyof DeliveryRow][] = [
  ['id', 'uuid', 'id'],
  ['event_id', 'uuid', 'eventId'],
  ['event_type', 'text', 'eventType'],
  ['endpoint_id', 'text', 'endpointId'],
  ['endpoint_url', 'text', 'endpointUrl'],
  ['status', 'text', 'status'],
  ['http_status', 'integer', 'httpStatus'],
  ['error_message', 'text', 'errorMessage'],
  ['attempt_count', 'integer', 'attemptCount'],
  ['latency_ms', 'float8', 'latencyMs'],
  ['created_at', 'timestamptz', 'createdAt'],
  ['completed_at', 'timestamptz', 'completedAt'],
  ['response_body', 'text', 'responseBody'],
  ['response_headers', 'text', 'responseHeaders'],
  ['dns_ms', 'real', 'dnsMs'],
  ['connect_ms', 'real', 'connectMs'],
  ['tls_ms', 'real', 'tlsMs'],
  ['remote_address', 'text', 'remoteAddress'],
  ['origin', 'text', 'origin'],
  ['position', 'bigint', 'position'],
  ['previous', 'bigint', 'previous'],
  ['configuration', 'bigint', 'configuration'],
  ['generation', 'bigint', 'generation'],
  ['resumes', 'integer', 'resumes'],
  ['replay_id', 'uuid', 'replayId'],
  ['wait_ms', 'bigint', 'waitMs'],
  ['traceparent', 'text', 'traceparent'],
];

const names = [...columns.map(([name]) => name), 'writer', 'batch', 'version', 'batch_from'].join(', ');
const keys = columns.map(([, , key]) => key);

/** For rows that are surely not there yet: one whose id exists refuses them all. Returns that each is new. */
export async function copyDeliveries(
  em: EntityManager,
  rows: readonly DeliveryRow[],
  batch: Batch,
): Promise<(id: string) => boolean> {
  const statement = `copy webhook_deliveries (${names}) from stdin with (encoding 'UTF8')`;
  await em.getKysely().executeQuery(CompiledQuery.raw(statement, [Buffer.from(copyText(rows, batch))]));
  return () => true;
}

/**
 * A row whose id exists stays as it is, so a batch that may or may not have been committed can be inserted again. Returns
 * whether a row, by its id, is new.
 */
export async function insertDeliveries(
  em: EntityManager,
  rows: readonly DeliveryRow[],
  batch: Batch,
): Promise<(id: string) => boolean> {
  const { first, last } = endsOf(rows);
  const arrays = columns.map(([, type, key]) => sql`${rows.map((row) => plain(row[key]))}::${sql.raw(type)}[]`);
  const inserted = await sql<{ id: string }>`insert into webhook_deliveries (${sql.raw(names)})
    select r.*, ${batch.writer}::uuid, ${batch.number}::bigint, ${batch.version}::text,
           case r.id when ${last}::uuid then ${first}::uuid end
      from unnest(${sql.join(arrays)}) r (${sql.raw(columns.map(([name]) => name).join(', '))})
    on conflict (id) do nothing returning id`.execute(em.getKysely());
  const ids = new Set(inserted.rows.map(({ id }) => id));
  return (id) => ids.has(id);
}

/** COPY's text form: a line for each row, with tabs between its values. */
function copyText(rows: readonly DeliveryRow[], { writer, number, version }: Batch): string {
  const { first, last } = endsOf(rows);
  let text = '';
  for (const row of rows) {
    for (const key of keys) text += `${copyValue(row[key])}\t`;
    text += `${writer}\t${number}\t${version}\t${row.id === last ? first : '\\N'}\n`;
  }
  return text;
}

/** By its row with the highest id a batch is found, and by the lowest all of it. */
function endsOf(rows: readonly DeliveryRow[]): { first: string; last: string } {
  let first = rows[0]!.id;
  let last = first;
  for (const { id } of rows) {
    if (id < first) first = id;
    if (id > last) last = id;
  }
  return { first, last };
}

const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function copyValue(value: DeliveryRow[keyof DeliveryRow]): string {
  if (value === null) return '\\N';
  if (typeof value !== 'string') return value instanceof Date ? value.toISOString() : String(value);
  return /[\\\t\n\r]/.test(value) ? value.replaceAll(/[\\\t\n\r]/g, (character) => escapes[character]!) : value;
}

/** The driver would format dates slowly, and in local time. */
function plain(value: DeliveryRow[keyof DeliveryRow]): string | number | null {
  return value instanceof Date ? value.toISOString() : value;
}
