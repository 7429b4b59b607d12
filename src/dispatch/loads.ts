// Reads the places of actors that load, all that are asked for at one time in one go, and again after a while when it fails. Pure.

import { retryDelaysMs } from '../policy/retry-delays.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Actor } from './actor.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { LeaseRef } from './leases.ts';
import type { Place } from './place.ts';

/** Whose place is read, and under which lease: reading it makes its reader the only one who writes it. */
export type PlaceQuestion = { endpoint: Endpoint; lease: LeaseRef };

export type LoadPorts = {
  schedule(delayMs: number, callback: () => void): () => void;
  /** The places of endpoints, as of a log that ends at `head`; one without a place is left out; null: the read failed. */
  readPlaces(
    questions: readonly PlaceQuestion[],
    head: number,
    done: (places: ReadonlyMap<string, Place> | null) => void,
  ): void;
};

export type Loads = {
  /** Reads an endpoint's place soon. */
  ask(endpointId: string): void;
};

export function createLoads(ports: LoadPorts, dispatcher: () => Dispatcher): Loads {
  const asked = new Set<string>();
  let scheduled = false;

  function ask(endpointId: string): void {
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
      for (const actor of actors) if (dispatcher().serves(actor)) ask(actor.endpoint.id);
    });
  }

  function read(): void {
    const head = dispatcher().position;
    const actors = [...asked].flatMap((id) => dispatcher().actor(id) ?? []);
    asked.clear();
    if (actors.length === 0) return;
    const before = actors.map(({ backlog }) => backlog);
    const questions = actors.map(({ endpoint, lease }) => ({ endpoint, lease }));
    ports.readPlaces(questions, head, (places) => {
      const missing: Actor[] = [];
      actors.forEach((actor, index) => {
        const { id } = actor.endpoint;
        // A place that was read for one that is gone is not its successor's.
        if (!dispatcher().serves(actor)) return;
        const place = places?.get(id);
        // What came meanwhile was added to the old number.
        if (place) dispatcher().load(id, { ...place, backlog: place.backlog + actor.backlog - before[index]! });
        else missing.push(actor);
      });
      if (missing.length > 0) askAgain(missing);
    });
  }

  return { ask };
}
