// One entry of the event log, as it is stored.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const WebhookEvent = defineEntity({
  name: 'WebhookEvent',
  tableName: 'webhook_events',
  properties: {
    id: p.uuid().primary(),
    /** Insertion order; the relay turns it into positions. */
    seq: p.bigint('number').generated('identity').hidden(),
    /** From 1, without gaps; null until the relay has numbered it. */
    position: p.bigint('number').nullable(),
    /** Version of the configuration that was in force when it got its position. */
    configuration: p.bigint('number').default(0),
    type: p.text(),
    subject: p.text().nullable(),
    /** The only endpoint this event is for (a test), or null for all that subscribed. */
    addressedTo: p.text().nullable().fieldName('addressed_to'),
    /** The body, byte for byte as every endpoint gets it. */
    payload: p.text(),
    createdAt: p.datetime(3).fieldName('created_at'),
    positionedAt: p.datetime(3).nullable().fieldName('positioned_at'),
  },
});

export type WebhookEvent = InferEntity<typeof WebhookEvent>;
