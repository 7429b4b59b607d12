// Loads the cursors of actors: all that are asked for at one time with one query, and again later when it fails. Pure.

import { retryDelaysMs } from '../policy/retry-delays.ts';
import type { Lease } from '../policy/shards.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Actor } from '../dispatch/actor.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { CursorState } from '../dispatch/cursor-state.ts';

/** Whose cursor to load, and under which lease. Who loads a cursor is from then on the only one who writes it. */
export type CursorQuestion = {
  endpoint: Endpoint;
  lease: Lease;
  /** Of this instance's loads each has a higher one: of two loads of a cursor, the one that was begun first does nothing. */
  number: number;
};

export type CursorLoaderPorts = {
  schedule(delayMs: number, callback: () => void): () => void;
  /** Reads cursors, for a log that ends at `head`. An endpoint without a cursor is left out. Null: the read failed. */
  loadCursors(
    questions: readonly CursorQuestion[],
    head: number,
    done: (cursors: ReadonlyMap<string, CursorState> | null) => void,
  ): void;
};

export type CursorLoader = {
  /** Loads an endpoint's cursor soon. */
  loadCursor(endpointId: string): void;
};

export function createCursorLoader(ports: CursorLoaderPorts, dispatcher: () => Dispatcher): CursorLoader {
  const asked = new Set<string>();
  let scheduled = false;
  let loads = 0;

  function loadCursor(endpointId: string): void {
    asked.add(endpointId);
    if (scheduled) return;
    scheduled = true;
    ports.schedule(0, () => {
      scheduled = false;
      read();
    });
  }

  function askAgain(actors: readonly Actor[]): void {
    ports.schedule(retryDelaysMs.cursorLoader, () => {
      for (const actor of actors) if (dispatcher().serves(actor)) loadCursor(actor.endpoint.id);
    });
  }

  function read(): void {
    const head = dispatcher().position;
    const actors = [...asked].flatMap((id) => dispatcher().actor(id) ?? []);
    asked.clear();
    if (actors.length === 0) return;
    for (const actor of actors) actor.loadBegins(head);
    loads += 1;
    const questions = actors.map(({ endpoint, lease }) => ({ endpoint, lease, number: loads }));
    ports.loadCursors(questions, head, (cursors) => {
      const missing: Actor[] = [];
      for (const actor of actors) {
        const { id } = actor.endpoint;
        // The cursor was read for an actor that is gone: its successor loads its own.
        if (!dispatcher().serves(actor)) continue;
        const cursor = cursors?.get(id);
        if (cursor) dispatcher().load(id, cursor);
        else missing.push(actor);
      }
      if (missing.length > 0) askAgain(missing);
    });
  }

  return { loadCursor };
}
