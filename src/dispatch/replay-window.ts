// The tests and replays of one endpoint: a bounded window of what is stored, read on as it is worked off.
//
// An item leaves the stored list with its last attempt's row, before its turn is reported. So whatever is stored and
// not in the window has yet to be read, and a read asks for just that: nothing hangs on the order in which items are
// committed.

import type { DeliveryOrigin } from '../model/webhook-delivery.ts';
import type { TurnEvent } from '../worker/turn.ts';

/** Full at either, but one item of any size has room. Items that wait for their retry stand in it, too. */
const window = { items: 256, bytes: 256 * 1024 };

/** More is read when no more than this is left. */
const lowWater = 64;

/** An item as it is read: its attempts so far, and what is left of the wait for the next. */
export type StoredSideItem = {
  id: string;
  origin: Exclude<DeliveryOrigin, 'line'>;
  event: TurnEvent;
  attempts: number;
  waitMs: number;
};

export type SideItem = Omit<StoredSideItem, 'waitMs'> & { notBefore: number };

/** Which items to read: at most so many, with payloads of about so many bytes, and none of those that are known. */
export type SideQuestion = { known: readonly string[]; most: { items: number; bytes: number } };

/** Takes the answer to a question; null when the read failed. */
type TakeItems = (items: readonly StoredSideItem[] | null, now: number) => void;

export type SideList = {
  /** Starts over with an empty window; `waits`: there was something to read. */
  reset(waits: boolean): void;
  /** Something was added to what is stored. */
  stir(): void;
  readonly wantsItems: boolean;
  /** Asks for the next items; there is one question at a time, and what comes after a `reset` is not taken. */
  ask(): { question: SideQuestion; take: TakeItems };
  /** The item that is due first, of two the one that was read first. */
  next(): SideItem | undefined;
  remove(item: SideItem): void;
};

export function createSideList(): SideList {
  let items: SideItem[] = [];
  let more = false;
  let asked: object | null = null;

  const bytes = () => items.reduce((sum, { event }) => sum + event.payload.length, 0);

  return {
    reset(waits) {
      items = [];
      // What came since the place was read is told by a stir alone.
      more ||= waits;
      asked = null;
    },
    stir() {
      more = true;
    },
    get wantsItems() {
      return more && asked === null && items.length <= lowWater && bytes() < window.bytes;
    },
    ask() {
      const current = {};
      asked = current;
      more = false;
      const question = {
        known: items.map(({ id }) => id),
        most: { items: window.items - items.length, bytes: window.bytes - bytes() },
      };
      const take: TakeItems = (stored, now) => {
        if (asked !== current) return;
        asked = null;
        // Only an empty answer is the end: what was read may be less than what there is.
        if (stored === null || stored.length > 0) more = true;
        for (const { waitMs, ...item } of stored ?? []) items.push({ ...item, notBefore: now + waitMs });
      };
      return { question, take };
    },
    next() {
      let next: SideItem | undefined;
      for (const item of items) if (next === undefined || item.notBefore < next.notBefore) next = item;
      return next;
    },
    remove(item) {
      items = items.filter((other) => other !== item);
    },
  };
}
