// Writes events and puts them into the relay's queue.

import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { type Attributes, belowRequest } from '../telemetry/traces.ts';
import type { NewWebhookEvent } from './payload.ts';

/**
 * Both rows of each event, in one statement of the transaction of `em`; the queue has them in this order. As entities they
 * would be two statements, and cost more than the whole insert. Bound arrays cost less than values in the statement's text.
 */
export async function recordEvents(em: EntityManager, events: readonly NewWebhookEvent[]): Promise<void> {
  await belowRequest({ name: 'record', kind: 'producer', attributes: attributesOf(events) }, async (traceparent) => {
    for (const event of events) event.traceparent = traceparent;
    await insert(em, events);
  });
}

async function insert(em: EntityManager, events: readonly NewWebhookEvent[]): Promise<void> {
  const column = <Key extends keyof NewWebhookEvent>(key: Key) => events.map((event) => event[key]);
  const times = events.map(({ createdAt }) => createdAt.toISOString());
  await sql`
    with events as (
      select * from unnest(${column('id')}::uuid[], ${column('type')}::text[], ${column('subject')}::text[],
        ${column('addressedTo')}::text[], ${column('notFor')}::text[], ${column('payload')}::text[],
        ${column('traceparent')}::text[], ${times}::timestamptz[])
        with ordinality as e (id, type, subject, addressed_to, not_for, payload, traceparent, created_at, place)
    ), recorded as (
      insert into webhook_events (id, type, subject, addressed_to, not_for, payload, traceparent, created_at)
        select id, type, subject, addressed_to, not_for, payload, traceparent, created_at from events
    )
    insert into webhook_outbox (event_id) select id from events order by place`.execute(em.getKysely());
}

/** https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ */
function attributesOf(events: readonly NewWebhookEvent[]): Attributes {
  const [first] = events;
  return {
    'messaging.system': 'tidings',
    'messaging.operation.name': 'record',
    'messaging.operation.type': 'create',
    'messaging.batch.message_count': events.length,
    ...(events.length === 1 ? { 'messaging.message.id': first!.id, 'tidings.event.type': first!.type } : {}),
  };
}
