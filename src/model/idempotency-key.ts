// A publisher's promise that the same call made twice is one event.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const IdempotencyKey = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'webhook_idempotency_keys',
  properties: {
    key: p.text().primary(),
    eventId: p.uuid().fieldName('event_id'),
    createdAt: p.datetime(3).fieldName('created_at').defaultRaw('clock_timestamp()'),
  },
});

export type IdempotencyKey = InferEntity<typeof IdempotencyKey>;
