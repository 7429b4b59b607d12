// Leases in the simulated Postgres: taken and given back.

import type { LeaseRow } from '../../src/cluster/leases.ts';
import type { Lease } from '../../src/policy/shards.ts';
import type { Tables } from './tables.ts';

/** Takes those of the leases that still stand as they were seen. */
export function takeLeases(tables: Tables, id: string, wanted: readonly LeaseRow[]): Lease[] {
  const taken: Lease[] = [];
  for (const { lease, epoch, beat: seen } of wanted) {
    const row = tables.leases.find((other) => other.lease === lease)!;
    if (row.epoch !== epoch || row.beat !== seen) continue;
    Object.assign(row, { owner: id, epoch: epoch + 1, beat: seen + 1 });
    taken.push({ index: lease, epoch: epoch + 1 });
  }
  return taken;
}

/** Whether it was its to give back. */
export function releaseLease(tables: Tables, id: string, { index, epoch }: Lease): boolean {
  const row = tables.leases.find(({ lease }) => lease === index)!;
  if (row.epoch !== epoch || row.owner !== id) return false;
  Object.assign(row, { owner: null, beat: row.beat + 1 });
  return true;
}
