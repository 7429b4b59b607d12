// Leases and instances in the simulated Postgres: the made-up twins of the SQL of heartbeats.

import type { HeartbeatAnswer, HeartbeatQuestion } from '../../src/cluster/instance-ports.ts';
import type { LeaseRow } from '../../src/cluster/leases.ts';
import type { Lease } from '../../src/policy/shards.ts';
import type { Tables } from './tables.ts';

export function heartbeat(
  tables: Tables,
  id: string,
  { renew, known, aside, forget }: HeartbeatQuestion,
): Omit<HeartbeatAnswer, 'server'> {
  // One statement has one snapshot: what it reads is what stood before it.
  const leases = tables.leases.map((row) => ({ ...row }));
  const instances = tables.instances.map((row) => ({ ...row }));
  const renewed: number[] = [];
  for (const { index, epoch } of renew) {
    const row = tables.leases.find(({ lease }) => lease === index);
    if (row?.epoch !== epoch || row.owner !== id) continue;
    row.beat += 1;
    renewed.push(index);
  }
  for (const gone of forget)
    tables.instances = tables.instances.filter((row) => row.id !== gone.id || row.beat !== gone.beat);
  const me = tables.instances.find((row) => row.id === id);
  if (me) Object.assign(me, { beat: me.beat + 1, standsAside: aside });
  else tables.instances.push({ id, beat: 1, standsAside: aside });
  return {
    renewed,
    leases,
    instances,
    head: tables.head,
    headId: tables.log[tables.head]?.id ?? null,
    epoch: tables.epoch,
    stream: tables.stream,
    gaps: tables.gaps,
    idAtKnown: known === null ? null : (tables.log[known.position]?.id ?? null),
    configuration: tables.configurations.at(-1)!.version,
    controls: [...tables.controls],
  };
}

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
