// How an instance and its endpoints stand, for whoever watches it: all of it is in memory.

import type { OldestLook } from '../cursors/oldest-look.ts';
import type { Actor } from '../dispatch/actor.ts';
import { timeOf } from '../model/uuid.ts';
import { relayLease } from '../policy/shards.ts';
import type { Instance } from './instance.ts';

type EndpointFigures = {
  id: string;
  state: 'ACTIVE' | 'RETRYING' | 'PAUSED' | 'LOADING';
  /** How many events wait for it, as far as the log was read here. Null: it is not known now. */
  backlog: number | null;
  /** For how long the first of them waits, in ms; 0: none does. Null: it is not known now. */
  oldestMs: number | null;
  blockedLines: number;
  /** How many events of the log stay for it: those above its cursor. */
  kept: number;
};

/** Nothing of it was counted yet. */
const isUncounted = ({ count, isLowerBound }: Actor['backlog']) => count === 0 && isLowerBound;
const isNone = ({ count, isLowerBound }: Actor['backlog']) => count === 0 && !isLowerBound;

export function createInstanceFigures({
  instance,
  slots,
  oldest,
}: {
  instance: Pick<Instance, 'dispatcher' | 'held'>;
  slots: { fast: number; slow: number };
  /** Knows of endpoints whose first event is not in memory. */
  oldest: OldestLook;
}) {
  const { dispatcher } = instance;

  function oldestMs(actor: Actor, place: number, now: number): number | null {
    const { head } = actor.health;
    if (head === 'empty' || (head === null && isNone(actor.backlog))) return 0;
    const at = head === null ? oldest.of(actor, place) : timeOf(head.event.id);
    return at === null ? null : Math.max(0, now - at);
  }

  function figuresOf(actor: Actor, now: number): EndpointFigures {
    const { id } = actor.endpoint;
    if (actor.reading === 'loading') {
      return { id, state: 'LOADING', backlog: null, oldestMs: null, blockedLines: 0, kept: 0 };
    }
    const { position } = actor.cursor(dispatcher.position);
    const { isBlocked } = actor.health;
    return {
      id,
      state: actor.stored.pauseReason !== null ? 'PAUSED' : isBlocked ? 'RETRYING' : 'ACTIVE',
      backlog: isUncounted(actor.backlog) ? null : actor.backlog.count,
      oldestMs: oldestMs(actor, position, now),
      blockedLines: Number(isBlocked),
      kept: Math.max(0, dispatcher.position - position),
    };
  }

  return {
    /** Of each endpoint that is served here. `now`: Unix ms. */
    endpoints(now: number): EndpointFigures[] {
      const figures = Array.from(dispatcher.actors(), (actor) => figuresOf(actor, now));
      oldest.look(dispatcher);
      return figures;
    },

    instance() {
      const held = instance.held();
      const { running, waiting } = dispatcher.turns;
      let lagging = 0;
      for (const { reading } of dispatcher.actors()) if (reading === 'lagging') lagging += 1;
      return {
        shards: held.filter(({ index }) => index !== relayLease).length,
        leadsRelay: held.some(({ index }) => index === relayLease),
        turns: {
          fast: { running: running.fast, waiting: waiting.fast, slots: slots.fast },
          slow: { running: running.slow, waiting: waiting.slow, slots: slots.slow },
        },
        lagging,
        windowBytes: dispatcher.held,
      };
    },
  };
}
