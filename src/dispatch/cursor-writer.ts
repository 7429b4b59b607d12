// Writes the cursors that have moved, about once a second, and never two writes at a time. Pure.

import { filterText } from '../policy/routing.ts';
import type { Actor } from './actor.ts';

/** A cursor to write. It is written only if its generation, owner and owner's epoch are still those of the stored one. */
export type CursorRow = {
  endpoint_id: string;
  generation: number;
  owner: string;
  owner_epoch: number;
  position: number;
  previous: number;
  examined: number;
  filter: string;
  backlog: number;
  last_error: string | null;
};

export type CursorPorts = {
  schedule(delayMs: number, callback: () => void): () => void;
  /** Writes cursors, and gives the endpoints whose cursor was not this instance's to write. Null: it failed. */
  writeCursors(rows: readonly CursorRow[], done: (refused: ReadonlySet<string> | null) => void): void;
};

export type CursorWriter = {
  start(): void;
  /** Writes the cursors of these actors next, if they have moved. */
  writeNow(actors: readonly Actor[], done: () => void): void;
  /** The database may have lost what was written: all is written again. */
  forget(): void;
  stop(): void;
};

const everyMs = 1_000;

export function createCursorWriter({
  ports,
  owner,
  actors,
  serves,
  dispatched,
  mayWrite,
  onRefused,
}: {
  ports: CursorPorts;
  /** Id of the instance's run. */
  owner: string;
  actors(): Iterable<Actor>;
  /** Whether it is still its endpoint's actor: the cursor of one that was removed is out of date. */
  serves(actor: Actor): boolean;
  /** How far the dispatcher has read the log. */
  dispatched(): number;
  mayWrite(): boolean;
  /** Called for an endpoint that has another owner now, or another generation. */
  onRefused(endpointId: string): void;
}): CursorWriter {
  /** What was written last for each actor. */
  let written = new WeakMap<Actor, string>();
  /** What to write when the write in flight has ended. */
  const waiting: (() => void)[] = [];
  let writing = false;
  let stopped = false;

  function moved(some: Iterable<Actor>): Map<Actor, CursorRow> {
    const rows = new Map<Actor, CursorRow>();
    for (const actor of some) {
      // While an actor skips settled events its backlog does not match its cursor.
      if (actor.reading === 'loading' || actor.isSkipping(dispatched()) || !serves(actor)) continue;
      const row = rowOf(actor, dispatched(), owner);
      if (written.get(actor) !== JSON.stringify(row)) rows.set(actor, row);
    }
    return rows;
  }

  function write(some: Iterable<Actor>, done: () => void): void {
    const rows = mayWrite() ? moved(some) : new Map<Actor, CursorRow>();
    if (rows.size === 0) {
      done();
      goOn();
      return;
    }
    writing = true;
    ports.writeCursors([...rows.values()], (refused) => {
      writing = false;
      for (const [actor, row] of refused ? rows : []) {
        if (refused!.has(row.endpoint_id)) onRefused(row.endpoint_id);
        else written.set(actor, JSON.stringify(row));
      }
      done();
      goOn();
    });
  }

  function goOn(): void {
    if (!writing) waiting.shift()?.();
  }

  function tick(): void {
    if (stopped) return;
    ports.schedule(everyMs, tick);
    if (!writing) write(actors(), () => {});
  }

  return {
    start: () => void ports.schedule(everyMs, tick),
    writeNow(some, done) {
      waiting.push(() => write(some, done));
      goOn();
    },
    forget() {
      written = new WeakMap();
    },
    stop() {
      stopped = true;
    },
  };
}

function rowOf(actor: Actor, dispatched: number, owner: string): CursorRow {
  const { position, previous } = actor.cursor(dispatched);
  return {
    endpoint_id: actor.endpoint.id,
    generation: actor.stored.generation,
    owner,
    owner_epoch: actor.lease.epoch,
    position,
    previous,
    filter: filterText(actor.endpoint.events),
    ...actor.storedBacklog(dispatched),
    last_error: actor.stored.lastError,
  };
}
