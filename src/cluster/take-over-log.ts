// Says in the log which leases this instance took: the first at once, and what follows within a second in one more line.

import { type Lease, relayLease } from '../policy/shards.ts';
import type { LeaseRow } from './leases.ts';

type TakeOverPorts = {
  schedule(delayMs: number, callback: () => void): () => void;
  /** How many shards, whether the relay is among them, and whose they were by the last look; of none: free. */
  log(takeOver: { shards: number; relay: boolean; from: string[] }): void;
};

/** An instance that joins gets its shards one by one, as the others give them. */
const quietMs = 1_000;

export function createTakeOverLog({ schedule, log }: TakeOverPorts) {
  const taken = new Set<number>();
  const from = new Set<string>();
  let cancel: (() => void) | null = null;

  function say(): void {
    if (taken.size === 0) return;
    const shards = [...taken].filter((index) => index !== relayLease).length;
    log({ shards, relay: taken.has(relayLease), from: [...from] });
    taken.clear();
    from.clear();
    cancel = schedule(quietMs, () => {
      cancel = null;
      say();
    });
  }

  return {
    /** `held` of `rows`, as they were seen before. */
    took(rows: readonly LeaseRow[], held: readonly Lease[]): void {
      for (const { index } of held) {
        taken.add(index);
        const owner = rows.find(({ lease }) => lease === index)?.owner;
        if (owner) from.add(owner);
      }
      if (cancel === null) say();
    },
    stop(): void {
      cancel?.();
      say();
      cancel?.();
    },
  };
}
