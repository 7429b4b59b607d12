// Writes events and puts them into the relay's queue.

import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { NewWebhookEvent } from './payload.ts';

/**
 * Both rows of each event, in one statement of the transaction of `em`; the queue has them in this order. As entities they
 * would be two statements, and cost more than the whole insert. Bound arrays cost less than values in the statement's text.
 */
export async function recordEvents(em: EntityManager, events: readonly NewWebhookEvent[]): Promise<void> {
  const column = <Key extends keyof NewWebhookEvent>(key: Key) => events.map((event) => event[key]);
  const times = events.map(({ createdAt }) => createdAt.toISOString());
  await sql`
    with events as (
      select * from unnest(${column('id')}::uuid[], ${column('type')}::text[], ${column('subject')}::text[],
        ${column('addressedTo')}::text[], ${column('notFor')}::text[], ${column('payload')}::text[], ${times}::timestamptz[])
        with ordinality as e (id, type, subject, addressed_to, not_for, payload, created_at, place)
    ), recorded as (
      insert into webhook_events (id, type, subject, addressed_to, not_for, payload, created_at)
        select id, type, subject, addressed_to, not_for, payload, created_at from events
    )
    insert into webhook_outbox (event_id) select id from events order by place`.execute(em.getKysely());
}
