// Which leases this instance holds, which it may take, and which it gives back. Pure.
//
// A lease is a row with an owner, an epoch that each new owner raises, and a counter, `beat`, that each renewal raises. At
// most one instance trusts a lease at a time. No clock of another machine decides, and no wall clock. This is one life of a lease, where T is its time to live (3 s):
//
//   owner       askedAt: asks ●──── trusts its lease ─────────────▶│ askedAt + 0.9 T
//   row                          ● renewed: `beat` is raised
//   challenger                       ● firstSeen: sees that `beat` ──────────────▶│ firstSeen + T: takes the lease
//
// - The owner asks with each heartbeat, three times in T. The trust counts from the question, not from the answer, and
//   ends at once when a heartbeat fails. Threads are told how long it lasts, and look before each request.
// - The challenger sees the row unchanged for a whole T of its own monotonic clock. Only time in which its own heartbeats
//   succeeded counts: a row that nobody could renew proves nothing by not changing.
// - The row is renewed after `askedAt`, and seen after that. So at least 0.1 T lies between one owner's trust and the next
//   one's. This margin is for clocks that run at different rates, and for what the next point cannot see.
// - A monotonic clock stands still while its machine is suspended, and then the owner's trust would last too long. Each
//   question and each answer compares it with the wall clock. When they differ by more than 0.04 T, the owner trusts nothing
//   before its next renewal. Shorter suspensions go unnoticed: one between a question and its answer and one between the
//   answer and the next question make 0.08 T, which fits in the margin.
// - A lease that is given back is free at once: its row loses its owner after the last turn has ended.
//
// What the owner had on the wire when its trust ended cannot be taken back. The cursor names its owner and epoch, so that
// a late write of a former owner changes nothing.

import { hash } from '../policy/hash.ts';
import { type Lease, relayLease, shardCount } from '../policy/shards.ts';

/** A lease's row; `owner` is the random id of an instance's run. */
export type LeaseRow = { lease: number; epoch: number; beat: number; owner: string | null };

export type InstanceRow = { id: string; beat: number; standsAside: boolean };

export type LeaseChanges = {
  /** Somebody else has taken them. */
  lost: number[];
  /** Rows that may be taken now, as they were seen. */
  wanted: LeaseRow[];
  /** Held beyond the fair share: to be given back when none of their turns is in flight. */
  excess: number[];
};

/** How often an owner asks for a renewal within the time to live. */
export const heartbeatsPerTtl = 3;
/** The part of the time to live during which an owner trusts its lease. */
const trustedPart = 0.9;
/** The longest suspension that may go unnoticed, as a part of the time to live. Two must fit into what no owner trusts. */
export const unnoticedPart = 0.04;

type Seen = { mark: string; since: number };

export function createLeases({ instance, ttlMs }: { instance: string; ttlMs: number }) {
  const held = new Map<number, { epoch: number; until: number }>();
  const releasing = new Set<number>();
  const leases = new Map<number, Seen>();
  const instances = new Map<string, Seen>();
  let answeredAt = -Infinity;

  /** For how long a row has not changed, in milliseconds. */
  function unchangedFor<Key>(rows: Map<Key, Seen>, key: Key, mark: string, now: number): number {
    let seen = rows.get(key);
    if (seen?.mark !== mark) rows.set(key, (seen = { mark, since: now }));
    return now - seen.since;
  }

  /**
   * A row that nobody could renew proves nothing by not changing, so the watch on leases starts again. The watch on
   * instances goes on. It only says how many share the leases: if it started again, one that is gone would count once more,
   * and leases would be given back for nobody.
   */
  function startWatches(): void {
    leases.clear();
  }

  return {
    /** The leases to renew. */
    held: (): Lease[] => [...held].map(([index, { epoch }]) => ({ index, epoch })),
    epochOf: (lease: number): number | undefined => held.get(lease)?.epoch,
    isReleasing: (lease: number): boolean => releasing.has(lease),
    /** Whether a turn under this lease may begin now. */
    trusts({ index, epoch }: Lease, now: number): boolean {
      const lease = held.get(index);
      return lease !== undefined && lease.epoch === epoch && now < lease.until;
    },
    /** Until when this instance trusts the lease. */
    until: (lease: number): number => held.get(lease)?.until ?? -Infinity,

    /**
     * Takes the answer to the heartbeat that was asked at `askedAt`: which of the `asked` leases were renewed, and all rows.
     * `aside`: this instance wants no leases.
     */
    onHeartbeat(
      answer: {
        asked: readonly Lease[];
        renewed: readonly number[];
        rows: readonly LeaseRow[];
        others: readonly InstanceRow[];
      },
      { askedAt, now, aside }: { askedAt: number; now: number; aside: boolean },
    ): LeaseChanges {
      const { asked, rows, others } = answer;
      if (now - answeredAt > ttlMs) startWatches();
      answeredAt = now;
      const renewed = new Set(answer.renewed);
      const lost: number[] = [];
      for (const { index, epoch } of asked) {
        const lease = held.get(index);
        // It was given back after the question.
        if (lease?.epoch !== epoch) continue;
        if (renewed.has(index)) {
          lease.until = askedAt + ttlMs * trustedPart;
        } else {
          held.delete(index);
          releasing.delete(index);
          lost.push(index);
        }
      }
      const present = new Set(others.map(({ id }) => id));
      for (const id of instances.keys()) if (!present.has(id)) instances.delete(id);
      const living = others.filter(({ id, beat }) => {
        return id !== instance && unchangedFor(instances, id, String(beat), now) < ttlMs;
      });
      const fairShare = aside
        ? 0
        : Math.ceil(shardCount / (1 + living.filter(({ standsAside }) => !standsAside).length));
      const free = rows.filter(({ lease, owner, epoch, beat }) => {
        if (held.has(lease)) return false;
        const unchangedMs = unchangedFor(leases, lease, `${owner} ${epoch} ${beat}`, now);
        return owner === null || unchangedMs >= ttlMs;
      });
      const shards = [...held.keys()].filter((lease) => lease !== relayLease && !releasing.has(lease));
      const room = Math.max(0, fairShare - shards.length);
      return {
        lost,
        wanted: [
          ...free.filter(({ lease }) => lease === relayLease && !aside),
          ...inOwnOrder(free.filter(({ lease }) => lease !== relayLease)).slice(0, room),
        ],
        excess: [
          ...shards.slice(fairShare),
          ...(aside && held.has(relayLease) && !releasing.has(relayLease) ? [relayLease] : []),
        ],
      };
    },

    /**
     * A heartbeat failed, or the machine was suspended: trusts no lease until its next renewal, and starts to watch the
     * leases of others again.
     */
    doubt(): void {
      for (const lease of held.values()) lease.until = -Infinity;
      startWatches();
    },

    /** It has taken leases, and asked for them at `askedAt`. */
    take(taken: readonly Lease[], askedAt: number): void {
      for (const { index, epoch } of taken) held.set(index, { epoch, until: askedAt + ttlMs * trustedPart });
    },

    /** Begins to give one back. */
    release(lease: number): void {
      releasing.add(lease);
    },

    /** None of its turns is in flight any more: it counts as given back. */
    drop(lease: number): void {
      held.delete(lease);
      releasing.delete(lease);
    },

    /** Instances whose rows have not changed for long: they can be deleted. */
    dead: (others: readonly InstanceRow[], now: number): InstanceRow[] =>
      others.filter(({ id, beat }) => {
        const seen = instances.get(id);
        return seen?.mark === String(beat) && now - seen.since >= 4 * ttlMs;
      }),
  };

  /** Each instance prefers other leases, so that challengers at one time do not want the same ones. */
  function inOwnOrder(rows: readonly LeaseRow[]): LeaseRow[] {
    return rows.toSorted((one, other) => hash(`${instance} ${one.lease}`) - hash(`${instance} ${other.lease}`));
  }
}
