// A cursor writer of made-up actors, whose writes are answered by hand.

import type { Actor } from '../../src/dispatch/actor.ts';
import { type CursorRow, createCursorWriter } from '../../src/cursors/cursor-writer.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';
import { startActor } from '../dispatch/made-up-actors.ts';

export const actorAt = (id: string, given: Partial<CursorState> = {}) =>
  startActor(makeEndpoint({ id, events: ['a.*', 'b.*'] }), given, { index: 3, epoch: 6 });

/** A writer of these actors; each write waits in `writes` for its answer. */
export function startWriter(...actors: Actor[]) {
  const time = createSimulatedTime();
  const writes: { rows: readonly CursorRow[]; end(refused?: readonly string[] | null): void }[] = [];
  const refused: string[] = [];
  const world = { dispatched: 9, mayWrite: true, gone: null as Actor | null, actors };
  const writer = createCursorWriter({
    ports: {
      schedule: (delayMs, callback) => time.at(delayMs, callback),
      writeCursors(rows, done) {
        const write = {
          rows,
          end(ids: readonly string[] | null = []) {
            writes.splice(writes.indexOf(write), 1);
            done(ids && new Set(ids));
          },
        };
        writes.push(write);
      },
    },
    owner: 'me',
    actors: () => world.actors,
    serves: (actor) => actor !== world.gone,
    dispatched: () => world.dispatched,
    mayWrite: () => world.mayWrite,
    onRefused: (id) => refused.push(id),
  });
  writer.start();
  return { ...writer, writes, refused, world, pass: time.pass };
}

/** `count` entries from `first` on that the actors' filter asks for. */
export const wanted = (first: number, count: number) =>
  entriesFrom(first, count).map((entry) => ({ ...entry, type: 'a.a' }));

/** Has the actor hear of so many events more. */
export function grow(actor: Actor, count: number): void {
  for (const entry of wanted(10, count)) actor.take(entry);
}

export const ids = (rows: readonly CursorRow[]) => rows.map(({ endpoint_id: id }) => id);
