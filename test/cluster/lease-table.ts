// The table of leases and instances, made up: each change is one step, as in Postgres.

import type { InstanceRow, LeaseRow } from '../../src/cluster/leases.ts';
import { type Lease, leaseCount } from '../../src/policy/shards.ts';

export type LeaseTable = ReturnType<typeof createLeaseTable>;

export function createLeaseTable() {
  const rows: LeaseRow[] = Array.from({ length: leaseCount }, (_, lease) => ({
    lease,
    epoch: 0,
    beat: 0,
    owner: null,
  }));
  const instances = new Map<string, InstanceRow>();

  return {
    rows,
    instances,
    heartbeat(id: string, { renew, aside = false }: { renew: readonly Lease[]; aside?: boolean }) {
      instances.set(id, { id, beat: (instances.get(id)?.beat ?? 0) + 1, standsAside: aside });
      const renewed: number[] = [];
      for (const { index, epoch } of renew) {
        const row = rows[index]!;
        if (row.owner !== id || row.epoch !== epoch) continue;
        rows[index] = { ...row, beat: row.beat + 1 };
        renewed.push(index);
      }
      return { renewed, rows: [...rows], others: [...instances.values()] };
    },
    /** Takes those rows that still stand as they were seen. */
    take(id: string, wanted: readonly LeaseRow[]): Lease[] {
      const taken: Lease[] = [];
      for (const { lease, epoch, beat } of wanted) {
        const row = rows[lease]!;
        if (row.epoch !== epoch || row.beat !== beat) continue;
        rows[lease] = { lease, epoch: epoch + 1, beat: beat + 1, owner: id };
        taken.push({ index: lease, epoch: epoch + 1 });
      }
      return taken;
    },
    release(id: string, { index, epoch }: Lease): void {
      const row = rows[index]!;
      if (row.owner === id && row.epoch === epoch) rows[index] = { ...row, beat: row.beat + 1, owner: null };
    },
  };
}
