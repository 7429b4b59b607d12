// One event, as it is stored: written once, and never changed.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const WebhookEvent = defineEntity({
  name: 'WebhookEvent',
  tableName: 'webhook_events',
  properties: {
    id: p.uuid().primary(),
    type: p.text(),
    subject: p.text().nullable(),
    /** The only endpoint this event is for (a test), or null for all that subscribed. */
    addressedTo: p.text().nullable().fieldName('addressed_to'),
    /** The endpoint that it tells about, which does not get it. */
    notFor: p.text().nullable().fieldName('not_for'),
    /** The body, byte for byte as every endpoint gets it. */
    payload: p.text(),
    /** W3C trace context of the request that it was recorded in. */
    traceparent: p.text().nullable(),
    createdAt: p.datetime(3).fieldName('created_at'),
  },
});

export type WebhookEvent = InferEntity<typeof WebhookEvent>;
