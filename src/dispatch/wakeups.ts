// One timer for each actor: the earliest moment at which it has something to decide.

import type { Actor } from './actor.ts';

export type Wakeups = {
  /** Calls back at `at`, unless that actor is woken earlier already. */
  set(actor: Actor, at: number): void;
  forget(actor: Actor): void;
};

export function createWakeups(
  clock: { now(): number; schedule(delayMs: number, callback: () => void): () => void },
  wake: (actor: Actor) => void,
): Wakeups {
  const wakeups = new Map<Actor, { at: number; cancel: () => void }>();

  return {
    set(actor, at) {
      const wakeup = wakeups.get(actor);
      if (wakeup && wakeup.at <= at) return;
      wakeup?.cancel();
      const cancel = clock.schedule(Math.max(0, at - clock.now()), () => {
        wakeups.delete(actor);
        wake(actor);
      });
      wakeups.set(actor, { at, cancel });
    },
    forget(actor) {
      wakeups.get(actor)?.cancel();
      wakeups.delete(actor);
    },
  };
}
