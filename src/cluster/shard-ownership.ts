// The shards that this instance serves: takes their leases, starts and ends their actors, and gives them back. Pure.

import type { Endpoint } from '../settings/endpoint.ts';
import type { Actor } from '../dispatch/actor.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { BeatAnswer, ShardPorts } from './instance-ports.ts';
import { type Lease, relayLease, shardOf } from '../policy/shards.ts';
import { type InstanceRow, type LeaseRow, createLeases } from './leases.ts';

export function createShards({
  ports,
  instance,
  ttlMs,
  dispatcher,
  endpoints,
  isAside,
  isSound,
  onServe,
  onTaken,
  onLeft,
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
  /** What is known of the database is sound. */
  isSound(): boolean;
  /** A shard begins to be served: its places are read next. */
  onServe(shard: number): void;
  /** The leases that were to be had are taken. */
  onTaken(): void;
  /** A lease is not held, or not under way any more. */
  onLeft(): void;
  /** Writes the places of actors that end. */
  writeLast(actors: readonly Actor[], done: () => void): void;
}) {
  const leases = createLeases({ instance, ttlMs });
  let dead: readonly InstanceRow[] = [];
  /** Leases that are just being taken or given back, in so many questions. */
  let underWay = 0;

  function take(wanted: readonly LeaseRow[]): void {
    const askedAt = ports.now();
    underWay += 1;
    ports.take(wanted, (taken) => {
      underWay -= 1;
      leases.take(taken ?? [], askedAt);
      trustHeld();
      for (const { index } of taken ?? []) {
        if (isAside()) giveBack(index);
        else if (index !== relayLease) serve(index);
      }
      relay();
      onLeft();
      onTaken();
    });
  }

  function trustHeld(): void {
    for (const lease of leases.held()) ports.trust(lease, leases.until(lease.index));
  }

  function doubt(): void {
    leases.doubt();
    trustHeld();
  }

  function relay(): void {
    const epoch = leases.epochOf(relayLease);
    const leads = epoch !== undefined && !leases.isReleasing(relayLease);
    if (!isSound()) ports.relay('rests');
    else ports.relay(leads && leases.trusts({ index: relayLease, epoch }, ports.now()) ? 'leads' : 'stands by');
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
    onLeft();
  }

  /** When the last request of its endpoints has ended and their places are written. */
  function giveBack(index: number): void {
    const epoch = leases.epochOf(index)!;
    leases.release(index);
    if (index === relayLease) relay();
    const actors = actorsOf(index);
    const gone = [...dispatcher().draining()].filter((endpointId) => shardOf(endpointId) === index);
    const endpointIds = new Set([...actors.map(({ endpoint }) => endpoint.id), ...gone]);
    let out = endpointIds.size;
    const end = () => {
      if (leases.epochOf(index) !== epoch) return;
      leases.drop(index);
      underWay += 1;
      ports.release({ index, epoch }, () => {
        underWay -= 1;
        onLeft();
      });
      drop(index);
    };
    if (out === 0) return end();
    for (const endpointId of endpointIds) {
      dispatcher().retire(endpointId, () => {
        out -= 1;
        if (out === 0) writeLast(actors, end);
      });
    }
  }

  return {
    /** What a beat asks for. */
    question: () => ({ renew: leases.held(), aside: isAside(), forget: dead }),

    hear(answer: BeatAnswer, { asked, askedAt }: { asked: readonly Lease[]; askedAt: number }): void {
      const now = ports.now();
      const wereTrusted = leases.held().every((lease) => leases.trusts(lease, now));
      const { instances: others, leases: rows, renewed } = answer;
      const changes = leases.hear({ asked, renewed, rows, others }, { askedAt, now, aside: isAside() });
      dead = leases.dead(others, now);
      for (const lease of changes.lost) drop(lease);
      trustHeld();
      if (!wereTrusted) dispatcher().stir();
      for (const lease of changes.excess) giveBack(lease);
      relay();
      if (changes.wanted.length > 0) take(changes.wanted);
      else onTaken();
    },

    /** Nobody knows what the database has now, and it may have lost what is being sent: all waits for its next answer. */
    missed(): void {
      doubt();
      ports.relay('rests');
    },

    /** Relies on nothing before the next renewal. */
    doubt,

    trusts: (lease: Lease): boolean => leases.trusts(lease, ports.now()),
    held: leases.held,
    /** Nothing is held, and nothing is being taken or given back. */
    isOut: (): boolean => leases.held().length === 0 && underWay === 0,
    start,

    /** Another history of the log begins: the actors of what is being given back do not begin again. */
    dropReleasing(): void {
      for (const { endpoint, lease } of [...dispatcher().actors()]) {
        if (leases.isReleasing(lease.index)) dispatcher().remove(endpoint.id);
      }
    },

    /** Gives everything back. */
    leave(): void {
      for (const { index } of leases.held()) if (!leases.isReleasing(index)) giveBack(index);
    },
  };
}
