// Stores what the health of endpoints has become, with an operational event for each change, within a second. Pure.
//
// A change and its event are one transaction, which changes a cursor only if it is still its owner's. So none is told of
// twice, and none is lost: whoever takes over sees at the rows what was not stored yet.

import type { Actor } from '../dispatch/actor.ts';
import type { FirstEvent, HealthChange } from '../dispatch/health.ts';

/** What to store of one endpoint, if generation, owner and owner's epoch are still those of its cursor. */
export type HealthRow = {
  endpointId: string;
  generation: number;
  owner: string;
  ownerEpoch: number;
  /** Those that follow so many changes. */
  after: number;
  changes: readonly HealthChange[];
  /** Every attempt has failed for too long, as this instance's clock says: pause it if the database's clock says so, too. */
  pause: { afterMs: number; resumes: number; event: FirstEvent | null; isTold: boolean } | null;
};

/** Endpoints whose cursor was not this instance's to change, and those that are paused. */
export type HealthAnswer = { refused: ReadonlySet<string>; paused: ReadonlySet<string> };

export type HealthPorts = {
  now(): number;
  schedule(delayMs: number, callback: () => void): () => void;
  /** Null: it failed, or nobody knows what it did. */
  writeHealth(rows: readonly HealthRow[], done: (answer: HealthAnswer | null) => void): void;
};

export type HealthWriter = {
  start(): void;
  /** The database may have lost its last rows: what follows from them is not told. */
  forget(): void;
  stop(): void;
};

const everyMs = 500;
/** Of one transaction; the others follow with the next look. */
const mostRows = 500;

export function createHealthWriter({
  ports,
  owner,
  actors,
  serves,
  mayWrite,
  onChanged,
}: {
  ports: HealthPorts;
  /** Id of the instance's run. */
  owner: string;
  actors(): Iterable<Actor>;
  /** Whether it is still its endpoint's actor. */
  serves(actor: Actor): boolean;
  mayWrite(): boolean;
  /** Called for an endpoint that is paused now, or has another owner or generation. */
  onChanged(endpointId: string): void;
}): HealthWriter {
  let writing = false;
  let stopped = false;

  function rowOf(actor: Actor): HealthRow | null {
    const { health, endpoint, lease, stored } = actor;
    if (actor.reading === 'loading' || !serves(actor)) return null;
    health.look();
    const { after, changes } = health.unstored;
    const { pauseAfterMs: afterMs } = endpoint;
    const isDue = afterMs !== null && stored.pauseReason === null && health.hasFailedFor(afterMs, ports.now());
    const pause = isDue
      ? { afterMs, resumes: stored.resumes, event: health.blockedBy, isTold: !health.failsByOperational }
      : null;
    if (changes.length === 0 && pause === null) return null;
    const { generation } = stored;
    return { endpointId: endpoint.id, generation, owner, ownerEpoch: lease.epoch, after, changes: [...changes], pause };
  }

  function write(): void {
    const rows = new Map<Actor, HealthRow>();
    for (const actor of actors()) {
      const row = rowOf(actor);
      if (row) rows.set(actor, row);
      if (rows.size === mostRows) break;
    }
    if (rows.size === 0) return;
    writing = true;
    ports.writeHealth([...rows.values()], (answer) => {
      writing = false;
      if (answer === null) return;
      for (const [actor, { endpointId, after, changes }] of rows) {
        if (!answer.refused.has(endpointId)) actor.health.stored(after + changes.length);
        if (answer.refused.has(endpointId) || answer.paused.has(endpointId)) onChanged(endpointId);
      }
    });
  }

  function tick(): void {
    if (stopped) return;
    ports.schedule(everyMs, tick);
    if (!writing && mayWrite()) write();
  }

  return {
    start: () => void ports.schedule(everyMs, tick),
    forget() {
      for (const actor of actors()) actor.health.forget();
    },
    stop() {
      stopped = true;
    },
  };
}
