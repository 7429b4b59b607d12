// One alarm an actor: the earliest moment at which it has something to decide.

import type { Actor } from './actor.ts';

export type Alarms = {
  /** Calls back at `at`, unless that actor's alarm is set for earlier already. */
  set(actor: Actor, at: number): void;
  forget(actor: Actor): void;
};

export function createAlarms(
  clock: { now(): number; schedule(delayMs: number, callback: () => void): () => void },
  ring: (actor: Actor) => void,
): Alarms {
  const alarms = new Map<Actor, { at: number; cancel: () => void }>();

  return {
    set(actor, at) {
      const alarm = alarms.get(actor);
      if (alarm && alarm.at <= at) return;
      alarm?.cancel();
      const cancel = clock.schedule(Math.max(0, at - clock.now()), () => {
        alarms.delete(actor);
        ring(actor);
      });
      alarms.set(actor, { at, cancel });
    },
    forget(actor) {
      alarms.get(actor)?.cancel();
      alarms.delete(actor);
    },
  };
}
