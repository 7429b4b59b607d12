// Reads on for actors whose window or side list has room, and again after a while when a read failed.

import type { LogEntry } from '../log/entry.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import type { Actor } from './actor.ts';
import type { Alarms } from './alarms.ts';
import type { SideQuestion, StoredSideItem } from './side-list.ts';

export type RefillPorts = {
  /** Monotonic milliseconds. */
  now(): number;
  /** Reads consecutive events after a position; an empty page means that the read failed or there are none yet. */
  readPage(after: number, done: (page: readonly LogEntry[]) => void): void;
  /** Reads tests and replays of an endpoint, in the order of their ids; null means that the read failed. */
  readSide(endpointId: string, question: SideQuestion, done: (items: readonly StoredSideItem[] | null) => void): void;
  /** The position after which the log goes on: `position` itself but for one at or inside a gap. */
  pastGap(position: number): number;
};

export type Refill = {
  /** Begins the reads that an actor wants now. */
  start(actor: Actor): void;
};

export function createRefill({
  ports,
  alarms,
  position,
  consider,
}: {
  ports: RefillPorts;
  alarms: Alarms;
  /** Up to where the dispatcher has read the log. */
  position(): number;
  /** Hears of each actor that has got something. */
  consider(actor: Actor): void;
}): Refill {
  function readPage(actor: Actor): void {
    actor.reading = true;
    ports.readPage(actor.examined, (page) => {
      actor.reading = false;
      actor.takePage(page, position(), ports.pastGap);
      if (page.length > 0) consider(actor);
      else if (!actor.live) alarms.set(actor, ports.now() + retryDelaysMs.refill);
    });
  }

  function readSide(actor: Actor): void {
    const { question, take } = actor.side.ask();
    ports.readSide(actor.endpoint.id, question, (items) => {
      take(items, ports.now());
      if (items) consider(actor);
      else alarms.set(actor, ports.now() + retryDelaysMs.refill);
    });
  }

  return {
    start(actor) {
      if (actor.wantsPage()) readPage(actor);
      if (actor.wantsSideItems()) readSide(actor);
    },
  };
}
