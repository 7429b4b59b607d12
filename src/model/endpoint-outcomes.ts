// How the newest attempts for an endpoint ended.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const EndpointOutcomes = defineEntity({
  name: 'EndpointOutcomes',
  tableName: 'webhook_endpoint_outcomes',
  properties: {
    endpointId: p.text().primary().fieldName('endpoint_id'),
    /** When the newest one that was delivered ended. */
    deliveredAt: p.datetime(3).nullable().fieldName('delivered_at'),
    /** When the newest one that failed ended, and its message. */
    failedAt: p.datetime(3).nullable().fieldName('failed_at'),
    error: p.text().nullable(),
  },
});

export type EndpointOutcomes = InferEntity<typeof EndpointOutcomes>;
