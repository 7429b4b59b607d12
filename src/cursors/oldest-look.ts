// Finds out since when events wait for paused endpoints whose actors have not read the first one: they do not read on.
//
// It looks only when somebody asks, for a bounded number of endpoints, one question at a time, and each place once. Who asks
// first does not wait for the answer, and the next one gets it. After a question that failed, the next one is for half as
// many other endpoints, and these are asked for again after a minute.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { Actor } from '../dispatch/actor.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { oldestUnsettled } from './oldest-unsettled.ts';

/** Those with the longest backlogs first. */
const mostAtOnce = 50;

/** What was not found is not asked for again before. */
const againMs = 60_000;

export type OldestLook = {
  /** When the first event that waits above this place was recorded, in Unix ms; null: that is not known. */
  of(actor: Actor, place: number): number | null;
  /** Begins to look for those that are not known. */
  look(dispatcher: { readonly position: number; actors(): Iterable<Actor> }): void;
};

type Asked = { actor: Actor; endpoint: Endpoint; place: number };

/** `reads` ends a statement that takes too long. */
export function createOldestLook(reads: MikroORM): OldestLook {
  const found = new WeakMap<Actor, Omit<Asked, 'actor'> & { at: number | null; askedAt: number }>();
  let isLooking = false;
  let most = mostAtOnce;

  /** The answer for this place, and for the filter with which it was asked. */
  const answerOf = (actor: Actor, place: number) => {
    const known = found.get(actor);
    return known?.place === place && known.endpoint === actor.endpoint ? known : null;
  };

  function isToAsk({ actor, place }: Asked): boolean {
    const known = answerOf(actor, place);
    return known === null || (known.at === null && performance.now() - known.askedAt >= againMs);
  }

  async function lookFor(asked: readonly Asked[]): Promise<void> {
    const endpoints = asked.map(({ endpoint }) => endpoint);
    const oldest = await oldestUnsettled(reads.em.fork(), endpoints).catch(() => null);
    most = oldest === null ? Math.max(1, Math.floor(most / 2)) : Math.min(mostAtOnce, most * 2);
    const askedAt = performance.now();
    for (const { actor, endpoint, place } of asked) {
      found.set(actor, { endpoint, place, at: oldest?.get(endpoint.id)?.getTime() ?? null, askedAt });
    }
  }

  return {
    of: (actor, place) => answerOf(actor, place)?.at ?? null,
    look({ position, actors }) {
      if (isLooking) return;
      const asked = [...actors()]
        .filter(({ stored, health, backlog }) => {
          return stored.pauseReason !== null && health.head === null && (backlog.count > 0 || backlog.isLowerBound);
        })
        .map((actor) => ({ actor, endpoint: actor.endpoint, place: actor.cursor(position).position }))
        .filter(isToAsk)
        .toSorted((one, other) => other.actor.backlog.count - one.actor.backlog.count)
        .slice(0, most);
      if (asked.length === 0) return;
      isLooking = true;
      void lookFor(asked).finally(() => {
        isLooking = false;
      });
    },
  };
}
