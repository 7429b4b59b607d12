// The end of the log: one row whose lock gives positions their order.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const LogHead = defineEntity({
  name: 'LogHead',
  tableName: 'webhook_log_head',
  properties: {
    id: p.smallint().primary(),
    logId: p.uuid().nullable().fieldName('log_id'),
    epoch: p.text(),
    position: p.bigint('number'),
    /** There are partitions for the positions up to this one. */
    partitionedTo: p.bigint('number').default(4_000_000).fieldName('partitioned_to'),
    /** Version of the configuration in force. */
    configuration: p.bigint('number').default(0),
    /** Of the stream's key within its epoch. */
    streamNumber: p.bigint('number').default(1).fieldName('stream_number'),
    /** Seals the stream's entries. It never leaves the service and its database. */
    streamSecret: p.text().fieldName('stream_secret').hidden(),
    positionedAt: p.datetime(3).fieldName('positioned_at'),
  },
});

export type LogHead = InferEntity<typeof LogHead>;
