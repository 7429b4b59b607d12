// How endpoints are spread over leases: one lease for each shard of endpoints, and one for the relay.

import { hash } from './hash.ts';

export const shardCount = 64;

/** The relay's lease; those of the shards are 0 to 63. */
export const relayLease = 64;

/** The shard to which an endpoint belongs, on every instance and for good. */
export function shardOf(endpointId: string): number {
  return hash(endpointId) % shardCount;
}

/** A lease as it is held: its index, and which of its owners holds it. */
export type Lease = { index: number; epoch: number };

/** All leases: 0 to 64. */
export const leaseCount = shardCount + 1;
