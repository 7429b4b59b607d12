// Inserts delivery rows, many in one statement.

import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { DeliveryRow } from './delivery-row.ts';

/** Each column's name, its type in Postgres, and its key in a row. */
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
  ['position', 'bigint', 'position'],
  ['generation', 'bigint', 'generation'],
  ['resumes', 'integer', 'resumes'],
  ['origin', 'text', 'origin'],
  ['replay_id', 'uuid', 'replayId'],
  ['wait_ms', 'bigint', 'waitMs'],
];

const names = sql.raw(columns.map(([name]) => name).join(', '));

/**
 * A row whose id exists stays as it is, so a batch that may or may not have been committed can be inserted again. Each
 * column is one bound array: `insertMany` writes every value into the statement's text, which costs three times the CPU
 * time here and half as much again in Postgres.
 */
export async function insertDeliveries(em: EntityManager, rows: readonly DeliveryRow[]): Promise<void> {
  const arrays = columns.map(([, type, key]) => sql`${rows.map((row) => plain(row[key]))}::${sql.raw(type)}[]`);
  await sql`insert into webhook_deliveries (${names}) select * from unnest(${sql.join(arrays)})
    on conflict (id) do nothing`.execute(em.getKysely());
}

/** The driver would format dates slowly, and in local time. */
function plain(value: DeliveryRow[keyof DeliveryRow]): string | number | null {
  return value instanceof Date ? value.toISOString() : value;
}
