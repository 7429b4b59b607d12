// What one writer saw of one endpoint in one minute.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

/** Its rows stand for all endpoints together. No endpoint is called so. */
export const allEndpoints = '*';

export const EndpointStats = defineEntity({
  name: 'EndpointStats',
  tableName: 'webhook_endpoint_stats',
  primaryKeys: ['endpointId', 'minute', 'writer'],
  properties: {
    endpointId: p.text().primary().fieldName('endpoint_id'),
    minute: p.datetime(0).primary(),
    writer: p.uuid().primary(),
    delivered: p.integer(),
    failed: p.integer(),
    /** Of the failed attempts, those after which their event was given up. */
    gaveUp: p.integer().fieldName('gave_up'),
    /** Attempts by latency, in the form of policy/latency-histogram.ts. */
    latencyBuckets: p.blob().fieldName('latency_buckets'),
  },
});

export type EndpointStats = InferEntity<typeof EndpointStats>;
