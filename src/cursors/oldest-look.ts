// Finds out since when events wait for paused endpoints whose actors have not read the first one: they do not read on.
//
// It looks only when somebody asks, for a bounded number of endpoints, one question at a time, and each place once. Who asks
// first does not wait for the answer, and the next one gets it.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { Actor } from '../dispatch/actor.ts';
import { oldestUnsettled } from './oldest-unsettled.ts';

/** Those with the longest backlogs first. */
const mostAtOnce = 50;

export type OldestLook = {
  /** When the first event that waits above this place was recorded, in Unix ms; null: that is not known. */
  of(actor: Actor, place: number): number | null;
  /** Begins to look for those that are not known. */
  look(dispatcher: { readonly position: number; actors(): Iterable<Actor> }): void;
};

/** `reads` ends a statement that takes too long. */
export function createOldestLook(reads: MikroORM): OldestLook {
  const found = new WeakMap<Actor, { place: number; at: number | null }>();
  let isLooking = false;

  async function lookFor(asked: readonly { actor: Actor; place: number }[]): Promise<void> {
    const endpoints = asked.map(({ actor }) => actor.endpoint);
    // What takes too long is not asked again before the cursor has moved.
    const oldest = await oldestUnsettled(reads.em.fork(), endpoints).catch(() => new Map<string, Date>());
    for (const { actor, place } of asked) {
      found.set(actor, { place, at: oldest.get(actor.endpoint.id)?.getTime() ?? null });
    }
  }

  return {
    of(actor, place) {
      const known = found.get(actor);
      return known?.place === place ? known.at : null;
    },
    look({ position, actors }) {
      if (isLooking) return;
      const asked = [...actors()]
        .filter(({ stored, health, backlog }) => {
          return stored.pauseReason !== null && health.head === null && (backlog.count > 0 || backlog.isLowerBound);
        })
        .map((actor) => ({ actor, place: actor.cursor(position).position }))
        .filter(({ actor, place }) => found.get(actor)?.place !== place)
        .toSorted((one, other) => other.actor.backlog.count - one.actor.backlog.count)
        .slice(0, mostAtOnce);
      if (asked.length === 0) return;
      isLooking = true;
      void lookFor(asked).finally(() => {
        isLooking = false;
      });
    },
  };
}
