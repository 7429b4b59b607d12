// An event that has no position yet. The relay takes it out of this queue and puts it into the log.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const QueuedEvent = defineEntity({
  name: 'QueuedEvent',
  tableName: 'webhook_outbox',
  properties: {
    /** Insertion order; the relay turns it into positions. */
    seq: p.bigint('number').generated('identity').primary(),
    eventId: p.uuid().fieldName('event_id'),
  },
});

export type QueuedEvent = InferEntity<typeof QueuedEvent>;
