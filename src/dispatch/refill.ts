// Reads more for actors that have room for events or replays, and tries again later when a read fails.

import type { LogEntry } from '../log/entry.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import type { Actor } from './actor.ts';
import type { Wakeups } from './wakeups.ts';
import type { ReplayQuestion, StoredReplay } from './replay-window.ts';

export type RefillPorts = {
  /** Monotonic milliseconds. */
  now(): number;
  /** Reads consecutive events after a position. An empty page: the read failed, or there are none yet. */
  readPage(after: number, done: (page: readonly LogEntry[]) => void): void;
  /** Reads an endpoint's tests, then its replays, in the order of their ids. Null: the read failed. */
  readReplays(
    endpointId: string,
    question: ReplayQuestion,
    done: (replays: readonly StoredReplay[] | null) => void,
  ): void;
  /** The position after which the log continues: `position` itself, but the last one of a gap at its edge or inside it. */
  pastGap(position: number): number;
};

export type Refill = {
  /** Begins the reads that the actor needs now. */
  start(actor: Actor): void;
};

export function createRefill({
  ports,
  wakeups,
  position,
  onRefilled,
}: {
  ports: RefillPorts;
  wakeups: Wakeups;
  /** How far the dispatcher has read the log. */
  position(): number;
  /** Called for each actor that got something. */
  onRefilled(actor: Actor): void;
}): Refill {
  function readPage(actor: Actor): void {
    actor.pageAsked();
    ports.readPage(actor.examined, (page) => {
      actor.takePage(page, position(), ports.pastGap);
      if (page.length > 0 || actor.reading === 'live') onRefilled(actor);
      else wakeups.set(actor, ports.now() + retryDelaysMs.refill);
    });
  }

  function readReplays(actor: Actor): void {
    const { question, take } = actor.askReplays();
    ports.readReplays(actor.endpoint.id, question, (replays) => {
      take(replays, ports.now());
      if (replays) onRefilled(actor);
      else wakeups.set(actor, ports.now() + retryDelaysMs.refill);
    });
  }

  return {
    start(actor) {
      if (actor.wantsPage()) readPage(actor);
      if (actor.wantsReplays()) readReplays(actor);
    },
  };
}
