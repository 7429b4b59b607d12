// The shards that this instance serves: takes their leases, adds and removes their actors, and gives the leases back. Pure.

import type { Endpoint } from '../settings/endpoint.ts';
import type { Actor } from '../dispatch/actor.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { HeartbeatAnswer, ShardPorts } from './instance-ports.ts';
import { type Lease, relayLease, shardOf } from '../policy/shards.ts';
import { type InstanceRow, type LeaseRow, createLeases } from './leases.ts';

export function createShardOwnership({
  ports,
  instance,
  ttlMs,
  dispatcher,
  endpoints,
  isAside,
  onServe,
  onTaken,
  onReleased,
  onRelayLease,
  writeLast,
}: {
  ports: ShardPorts;
  instance: string;
  ttlMs: number;
  dispatcher(): Dispatcher;
  /** Those of the configuration in force. */
  endpoints(): readonly Endpoint[];
  /** This instance wants no leases. */
  isAside(): boolean;
  /** A shard begins to be served: its cursors are loaded next. */
  onServe(shard: number): void;
  /** The leases that this instance could take are taken. */
  onTaken(): void;
  /** A lease is given back or lost, or a query about leases has ended. */
  onReleased(): void;
  /** Whether this instance leads the relay may have changed. */
  onRelayLease(): void;
  /** Writes the cursors of actors for the last time. */
  writeLast(actors: readonly Actor[], done: () => void): void;
}) {
  const leases = createLeases({ instance, ttlMs });
  let dead: readonly InstanceRow[] = [];
  /** Queries in flight that take leases or give one back. */
  let queries = 0;

  function take(wanted: readonly LeaseRow[]): void {
    const askedAt = ports.now();
    queries += 1;
    ports.take(wanted, (taken) => {
      queries -= 1;
      leases.take(taken ?? [], askedAt);
      trustHeld();
      for (const { index } of taken ?? []) {
        if (isAside()) giveBack(index);
        else if (index !== relayLease) serve(index);
      }
      onRelayLease();
      onReleased();
      onTaken();
    });
  }

  function trustHeld(): void {
    const now = ports.now();
    for (const lease of leases.held()) ports.trust(lease, leases.until(lease.index) - now);
  }

  function doubt(): void {
    leases.doubt();
    trustHeld();
  }

  function serve(shard: number): void {
    onServe(shard);
    for (const endpoint of endpoints()) if (endpoint.enabled && shardOf(endpoint.id) === shard) start(endpoint);
  }

  function start(endpoint: Endpoint): void {
    const index = shardOf(endpoint.id);
    const epoch = leases.epochOf(index);
    if (epoch !== undefined && !leases.isReleasing(index)) dispatcher().add(endpoint, { index, epoch });
  }

  function actorsOf(shard: number): Actor[] {
    return [...dispatcher().actors()].filter(({ lease }) => lease.index === shard);
  }

  function drop(lease: number): void {
    ports.trust({ index: lease, epoch: 0 }, -Infinity);
    for (const { endpoint } of actorsOf(lease)) dispatcher().remove(endpoint.id);
    onReleased();
  }

  /** Gives the lease back once the turns of its endpoints have ended and their cursors are written. */
  function giveBack(index: number): void {
    const epoch = leases.epochOf(index)!;
    leases.release(index);
    if (index === relayLease) onRelayLease();
    const actors = actorsOf(index);
    const draining = [...dispatcher().draining()].filter((endpointId) => shardOf(endpointId) === index);
    const endpointIds = new Set([...actors.map(({ endpoint }) => endpoint.id), ...draining]);
    let inFlight = endpointIds.size;
    const end = () => {
      if (leases.epochOf(index) !== epoch) return;
      leases.drop(index);
      queries += 1;
      ports.release({ index, epoch }, () => {
        queries -= 1;
        onReleased();
      });
      drop(index);
    };
    if (inFlight === 0) return end();
    for (const endpointId of endpointIds) {
      dispatcher().retire(endpointId, () => {
        inFlight -= 1;
        if (inFlight === 0) writeLast(actors, end);
      });
    }
  }

  return {
    /** This part of a heartbeat's question. */
    question: () => ({ renew: leases.held(), aside: isAside(), forget: dead }),

    onHeartbeat(answer: HeartbeatAnswer, { asked, askedAt }: { asked: readonly Lease[]; askedAt: number }): void {
      const now = ports.now();
      const wereTrusted = leases.held().every((lease) => leases.trusts(lease, now));
      const { instances: others, leases: rows, renewed } = answer;
      const changes = leases.onHeartbeat({ asked, renewed, rows, others }, { askedAt, now, aside: isAside() });
      dead = leases.dead(others, now);
      for (const lease of changes.lost) drop(lease);
      if (changes.lost.length > 0) ports.lost(changes.lost);
      trustHeld();
      if (!wereTrusted) dispatcher().wake();
      for (const lease of changes.excess) giveBack(lease);
      onRelayLease();
      if (changes.wanted.length > 0) take(changes.wanted);
      else onTaken();
    },

    /** Trusts no lease before its next renewal. */
    doubt,

    /** Whether this instance holds the relay's lease, trusts it, and does not give it back. */
    leadsRelay(): boolean {
      const epoch = leases.epochOf(relayLease);
      if (epoch === undefined || leases.isReleasing(relayLease)) return false;
      return leases.trusts({ index: relayLease, epoch }, ports.now());
    },

    trusts: (lease: Lease): boolean => leases.trusts(lease, ports.now()),
    held: leases.held,
    /** No lease is held, and none is being taken or given back. */
    holdsNothing: (): boolean => leases.held().length === 0 && queries === 0,
    start,

    /** Another history of the log begins: the actors of leases that are being given back do not start again. */
    dropReleasing(): void {
      for (const { endpoint, lease } of [...dispatcher().actors()]) {
        if (leases.isReleasing(lease.index)) dispatcher().remove(endpoint.id);
      }
    },

    /** Gives all leases back. */
    releaseAll(): void {
      for (const { index } of leases.held()) if (!leases.isReleasing(index)) giveBack(index);
    },
  };
}
