// Records the operational events of deliveries that were given up, each once.

import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { isOperational } from '../policy/operational.ts';
import { recordFacts } from './operational-events.ts';

/** What is asked of a row of webhook_deliveries. */
export type EndedRow = {
  id: string;
  status: string;
  endpointId: string;
  eventId: string;
  eventType: string;
  generation: number;
  replayId: string | null;
  errorMessage: string | null;
};

/**
 * Of rows that were inserted just now, in the transaction of `em`. Two owners of an endpoint may both give the same event
 * up, when the row of the first one comes late: the second makes no event. Deliveries of operational events, and tests, make
 * none either.
 */
export async function recordGivenUp(em: EntityManager, inserted: readonly EndedRow[]): Promise<void> {
  const failed = inserted.filter(({ status, eventType }) => status === 'failed' && !isOperational(eventType));
  if (failed.length === 0) return;
  const first = await mark(em, failed);
  await recordFacts(
    em,
    failed
      .filter(({ id }) => first.has(id))
      .map(({ endpointId, eventId, errorMessage }) => {
        return { type: 'webhook.delivery_failed', endpointId, eventId, errorMessage };
      }),
  );
}

/** The rows that are the first of their endpoint, event, generation and replay. Two calls never wait for each other. */
async function mark(em: EntityManager, rows: readonly EndedRow[]): Promise<Set<string>> {
  const sorted = rows.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const column = <Key extends keyof EndedRow>(key: Key) => sorted.map((row) => row[key]);
  const marked = await sql<{ id: string }>`
    insert into webhook_given_up (endpoint_id, event_id, generation, replay_id, delivery_id)
      select * from unnest(${column('endpointId')}::text[], ${column('eventId')}::uuid[],
        ${column('generation')}::bigint[], ${column('replayId')}::uuid[], ${column('id')}::uuid[])
    on conflict do nothing returning delivery_id as id`.execute(em.getKysely());
  return new Set(marked.rows.map(({ id }) => id));
}

function nameOf({ endpointId, eventId, generation, replayId }: EndedRow): string {
  return [endpointId, eventId, generation, replayId].join(' ');
}
