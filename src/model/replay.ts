// A replay, or a test: delivered beside an endpoint's line, and kept until its last attempt is recorded.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const Replay = defineEntity({
  name: 'Replay',
  tableName: 'webhook_replays',
  properties: {
    /** Those of one endpoint are sent in the order of their ids. */
    id: p.uuid().primary(),
    endpointId: p.text().fieldName('endpoint_id'),
    eventId: p.uuid().fieldName('event_id'),
    /** Of the event; null for a test, which is stored before it has one. */
    position: p.bigint('number').nullable(),
    origin: p.enum(['replay', 'test']),
  },
});

export type Replay = InferEntity<typeof Replay>;
