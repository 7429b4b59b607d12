// Which endpoints a process has lost when another one took its leases, as a halt of it for each.

import { type Lease, shardOf } from '../../src/policy/shards.ts';
import type { Halt } from '../support/judge/history.ts';

/** The owners of leases before they were taken, null for those that were given back. */
export type Former = ReadonlyMap<number, string | null>;

export function lostLeases(taken: readonly Lease[], former: Former, endpoints: readonly string[], at: number): Halt[] {
  return taken.flatMap(({ index }) => {
    const sender = former.get(index);
    if (!sender) return [];
    const lost = endpoints.filter((endpoint) => shardOf(endpoint) === index);
    return lost.map((endpoint): Halt => ({ how: 'lost a lease', sender, endpoint, at, goesOnAt: at }));
  });
}
