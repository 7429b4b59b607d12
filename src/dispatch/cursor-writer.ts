// Writes the places of the actors about once a second, those that moved, and never two writes at a time. Pure.

import { filterText } from '../policy/routing.ts';
import type { Actor } from './actor.ts';

/** An endpoint's place as it is stored, by whom it may be written, and in which generation. */
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
  /** Writes places; gives the endpoints whose row was not this instance's to write. Null: it failed. */
  writeCursors(rows: readonly CursorRow[], done: (refused: ReadonlySet<string> | null) => void): void;
};

export type CursorWriter = {
  start(): void;
  /** Writes the places of these actors next, as far as they moved. */
  writeNow(actors: readonly Actor[], done: () => void): void;
  /** What was written may be lost. */
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
  /** Whether it still is its endpoint's actor: one that was dropped knows nothing of its place. */
  serves(actor: Actor): boolean;
  /** Up to where the dispatcher has read the log. */
  dispatched(): number;
  mayWrite(): boolean;
  /** Hears of endpoints that are somebody else's now, or of another generation. */
  onRefused(endpointId: string): void;
}): CursorWriter {
  const texts = new Map<string, string>();
  /** What is to be written when the write that is under way has ended. */
  const waiting: (() => void)[] = [];
  let writing = false;
  let stopped = false;

  function moved(some: Iterable<Actor>): CursorRow[] {
    const rows: CursorRow[] = [];
    for (const actor of some) {
      // The backlog of one that is passing over settled events does not belong to its place.
      if (actor.loading || actor.isPassing(dispatched()) || !serves(actor)) continue;
      const row = rowOf(actor, dispatched(), owner);
      if (texts.get(row.endpoint_id) !== JSON.stringify(row)) rows.push(row);
    }
    return rows;
  }

  function write(some: Iterable<Actor>, done: () => void): void {
    const rows = mayWrite() ? moved(some) : [];
    if (rows.length === 0) {
      done();
      goOn();
      return;
    }
    writing = true;
    ports.writeCursors(rows, (refused) => {
      writing = false;
      for (const row of refused ? rows : []) {
        if (refused!.has(row.endpoint_id)) onRefused(row.endpoint_id);
        else texts.set(row.endpoint_id, JSON.stringify(row));
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
    forget: () => texts.clear(),
    stop() {
      stopped = true;
    },
  };
}

function rowOf(actor: Actor, dispatched: number, owner: string): CursorRow {
  const { position, previous } = actor.cursor(dispatched);
  return {
    endpoint_id: actor.endpoint.id,
    generation: actor.generation,
    owner,
    owner_epoch: actor.lease.epoch,
    position,
    previous,
    examined: dispatched,
    filter: filterText(actor.endpoint.events),
    backlog: Math.max(0, actor.backlog),
    last_error: actor.lastError,
  };
}
