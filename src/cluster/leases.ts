// Which leases this instance holds, which it may take, and which it gives back. Pure decisions.
//
// A lease is a row with an owner, an epoch that each new owner raises, and a beat that each renewal raises. No wall clock
// decides, the database's included: a challenger takes a lease only after its own monotonic clock has seen the same beat
// for a whole time to live, while its own beats went well; and an owner trusts its lease only until a time to live after
// it asked for the renewal that it got. So the owner has stopped before anybody else begins.

import { hash } from '../policy/hash.ts';
import { type Lease, relayLease, shardCount } from '../policy/shards.ts';

/** A lease's row; `owner` is the random id of an instance's run. */
export type LeaseRow = { lease: number; epoch: number; beat: number; owner: string | null };

export type InstanceRow = { id: string; beat: number; standsAside: boolean };

export type LeaseChanges = {
  /** Taken by somebody else. */
  lost: number[];
  /** Rows that may be taken now, each as it was seen. */
  wanted: LeaseRow[];
  /** Held beyond the fair share: to be given back when nothing of theirs is under way. */
  excess: number[];
};

/** Of the time to live, how much an owner relies on: clocks run at slightly different rates. */
const trustedShare = 0.9;

type Seen = { mark: string; since: number };

export function createLeases({ instance, ttlMs }: { instance: string; ttlMs: number }) {
  const held = new Map<number, { epoch: number; until: number }>();
  const releasing = new Set<number>();
  const leases = new Map<number, Seen>();
  const instances = new Map<string, Seen>();
  let heardAt = -Infinity;

  /** Since when a row has stood as it stands now. */
  function standing<Key>(rows: Map<Key, Seen>, key: Key, mark: string, now: number): number {
    let seen = rows.get(key);
    if (seen?.mark !== mark) rows.set(key, (seen = { mark, since: now }));
    return now - seen.since;
  }

  /**
   * What stood still while nobody could renew it says nothing. Instances are watched on: they only say how many share the
   * leases, and one that is gone would count again, for which leases would be given back that nobody takes.
   */
  function startWatches(): void {
    leases.clear();
  }

  return {
    /** Those to renew, each under its epoch. */
    held: (): Lease[] => [...held].map(([index, { epoch }]) => ({ index, epoch })),
    epochOf: (lease: number): number | undefined => held.get(lease)?.epoch,
    isReleasing: (lease: number): boolean => releasing.has(lease),
    /** Whether a turn under this lease may begin now. */
    trusts({ index, epoch }: Lease, now: number): boolean {
      const lease = held.get(index);
      return lease !== undefined && lease.epoch === epoch && now < lease.until;
    },
    /** Until when the holder may rely on it. */
    until: (lease: number): number => held.get(lease)?.until ?? -Infinity,

    /**
     * Hears the answer to a beat asked for at `askedAt`: of the leases `asked` to be renewed those that were, and all rows
     * as they stand. `aside`: this instance wants none.
     */
    hear(
      answer: {
        asked: readonly Lease[];
        renewed: readonly number[];
        rows: readonly LeaseRow[];
        others: readonly InstanceRow[];
      },
      { askedAt, now, aside }: { askedAt: number; now: number; aside: boolean },
    ): LeaseChanges {
      const { asked, rows, others } = answer;
      if (now - heardAt > ttlMs) startWatches();
      heardAt = now;
      const renewed = new Set(answer.renewed);
      const lost: number[] = [];
      for (const { index, epoch } of asked) {
        const lease = held.get(index);
        // Given back since it was asked.
        if (lease?.epoch !== epoch) continue;
        if (renewed.has(index)) {
          lease.until = askedAt + ttlMs * trustedShare;
        } else {
          held.delete(index);
          releasing.delete(index);
          lost.push(index);
        }
      }
      const present = new Set(others.map(({ id }) => id));
      for (const id of instances.keys()) if (!present.has(id)) instances.delete(id);
      const living = others.filter(({ id, beat }) => {
        return id !== instance && standing(instances, id, String(beat), now) < ttlMs;
      });
      const share = aside ? 0 : Math.ceil(shardCount / (1 + living.filter(({ standsAside }) => !standsAside).length));
      const free = rows.filter(({ lease, owner, epoch, beat }) => {
        if (held.has(lease)) return false;
        const stood = standing(leases, lease, `${owner} ${epoch} ${beat}`, now);
        return owner === null || stood >= ttlMs;
      });
      const shards = [...held.keys()].filter((lease) => lease !== relayLease && !releasing.has(lease));
      const room = Math.max(0, share - shards.length);
      return {
        lost,
        wanted: [
          ...free.filter(({ lease }) => lease === relayLease && !aside),
          ...inOwnOrder(free.filter(({ lease }) => lease !== relayLease)).slice(0, room),
        ],
        excess: [
          ...shards.slice(share),
          ...(aside && held.has(relayLease) && !releasing.has(relayLease) ? [relayLease] : []),
        ],
      };
    },

    /**
     * Relies on nothing until the next renewal, as a beat failed or the machine stood still; and nothing that was seen
     * before says that somebody else is gone.
     */
    doubt(): void {
      for (const lease of held.values()) lease.until = -Infinity;
      startWatches();
    },

    /** It took leases, asked for at `askedAt`. */
    take(taken: readonly Lease[], askedAt: number): void {
      for (const { index, epoch } of taken) held.set(index, { epoch, until: askedAt + ttlMs * trustedShare });
    },

    /** Begins to give one back. */
    release(lease: number): void {
      releasing.add(lease);
    },

    /** Nothing of it is under way any more: it is as good as given back. */
    drop(lease: number): void {
      held.delete(lease);
      releasing.delete(lease);
    },

    /** Instances that have not been seen alive for long: their rows may go. */
    dead: (others: readonly InstanceRow[], now: number): InstanceRow[] =>
      others.filter(({ id, beat }) => {
        const seen = instances.get(id);
        return seen?.mark === String(beat) && now - seen.since >= 4 * ttlMs;
      }),
  };

  /** Challengers that come at one time go for different ones. */
  function inOwnOrder(rows: readonly LeaseRow[]): LeaseRow[] {
    return rows.toSorted((one, other) => hash(`${instance} ${one.lease}`) - hash(`${instance} ${other.lease}`));
  }
}
