// What happened in a simulated world, as the checker judges it, and one number for all of it.

import type { OrderOutcome } from '../../src/policy/line-orders.ts';
import type { Halt } from '../support/judge/history.ts';
import type { Request } from './receivers.ts';

/** What became of an order. */
export type OrderStory = {
  kind: 'retry' | 'skip';
  endpoint: string;
  eventId: string | null;
  /** What whoever asked was told; null while, or because, nobody was. */
  seen: OrderOutcome | 'withdrawn' | null;
  /** What it came to, each time that somebody carried it out. */
  carriedOut: OrderOutcome[];
};

export type History = {
  requests: Request[];
  /** When a row, by its id, first became durable. */
  durableAt: Map<number, number>;
  /** Ids of events whose commit was confirmed, with when. */
  acknowledged: Map<string, number>;
  /** When the insert of an event was asked for. */
  askedAt: Map<string, number>;
  /** Of each generation of an endpoint, the position after which it began, and when. */
  lineBegins: Map<string, { position: number; at: number }>;
  /** Replays that were cancelled, in order. */
  cancelled: string[];
  orders: Map<string, OrderStory>;
  /** Crashes, ends of threads, and leases that another one took. */
  halts: Halt[];
  /** When the database lost its end. */
  restoredAt: number[];
  /** Mixes what happened into the hash. */
  note(one: number, two: number, three: number): void;
  readonly hash: number;
};

export function createHistory(): History {
  let hash = 0x811c9dc5;
  const mix = (value: number) => {
    hash = Math.imul(hash ^ (value | 0), 0x01000193);
  };

  return {
    requests: [],
    durableAt: new Map(),
    acknowledged: new Map(),
    askedAt: new Map(),
    lineBegins: new Map(),
    cancelled: [],
    orders: new Map(),
    halts: [],
    restoredAt: [],
    note(one, two, three) {
      mix(one);
      mix(two);
      mix(three);
    },
    get hash() {
      return hash >>> 0;
    },
  };
}
