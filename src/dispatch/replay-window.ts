// The next replays of one endpoint (a test is a replay, too): a part of the stored queue, in memory.
//
// A replay is deleted from the stored queue together with the write of its last attempt, before its turn is reported. So
// what is stored and not in the window must still be read, and a read asks for exactly that. The order in which replays
// are committed does not matter.

import type { DeliveryOrigin } from '../model/webhook-delivery.ts';
import type { Turn, TurnEvent } from '../worker/turn.ts';
import type { WindowBudget } from './window-budget.ts';

/**
 * It is full with so many, or when its window has no room; an empty one takes a replay of any size. Replays that wait for a
 * retry count.
 */
const mostReplays = 256;

/** More replays are read when it holds no more than this. */
const lowWater = 64;

/** Something new may be a test, which is read first and for which a full window has room: so many more. */
const spare = 16;

/** A replay as it is read: its attempts so far, and what is left of the wait before the next one. */
export type StoredReplay = {
  id: string;
  origin: Exclude<DeliveryOrigin, 'line'>;
  event: TurnEvent;
  attempts: number;
  waitMs: number;
};

export type Replay = Omit<StoredReplay, 'waitMs'> & { notBefore: number };

/** What a turn of it has. */
export function turnOf(replay: Replay): Pick<Turn, 'events' | 'attemptsBefore' | 'origin' | 'replayId'> {
  const { id, event, origin, attempts } = replay;
  return { origin, replayId: id, attemptsBefore: attempts, events: [event] };
}

/** Which replays to read: none that is `known`, and at most so many, with payloads of about so many bytes. */
export type ReplayQuestion = { known: readonly string[]; most: { replays: number; bytes: number } };

/** Takes the answer. Null: the read failed. */
type TakeReplays = (stored: readonly StoredReplay[] | null, now: number) => void;

export type ReplayWindow = {
  /** Starts again, empty. `hasReplays`: there is something to read. */
  reset(hasReplays: boolean): void;
  /** Something was added to the stored queue, perhaps a test. */
  wake(): void;
  readonly wantsMore: boolean;
  /** It holds none, and reads none. */
  readonly isEmpty: boolean;
  /** What it holds. */
  readonly bytes: number;
  /** What to read next. There is one question at a time; an answer that comes after a `reset` is ignored. */
  ask(): { question: ReplayQuestion; take: TakeReplays };
  /** A test that was not tried yet; else the replay that is due first; of two that are due at once, the one that was read first. */
  next(): Replay | undefined;
  remove(replay: Replay): void;
  /** Drops all but the next one, to read them again. */
  giveBack(): void;
};

export function createReplayWindow(budget: WindowBudget): ReplayWindow {
  const window = budget.openWindow();
  let replays: Replay[] = [];
  let more = false;
  /** What was added since the last question. */
  let isNew = false;
  let asked: object | null = null;

  return {
    reset(hasReplays) {
      replays = [];
      window.clear();
      // Only a wake told of a replay that was stored after the cursor was read.
      more ||= hasReplays;
      isNew ||= hasReplays;
      asked = null;
    },
    wake() {
      more = true;
      isNew = true;
    },
    get wantsMore() {
      if (!more || asked !== null) return false;
      return isNew ? replays.length < mostReplays + spare : replays.length <= lowWater && window.room > 0;
    },
    get isEmpty() {
      return replays.length === 0 && asked === null;
    },
    get bytes() {
      return window.bytes;
    },
    ask() {
      const current = {};
      asked = current;
      more = false;
      const room = { replays: mostReplays - replays.length, bytes: Math.ceil(window.room) };
      const most = isNew ? { replays: Math.max(1, room.replays), bytes: Math.max(1, room.bytes) } : room;
      isNew = false;
      const question = { known: replays.map(({ id }) => id), most };
      const take: TakeReplays = (stored, now) => {
        if (asked !== current) return;
        asked = null;
        // Only an empty answer is the end: a read may give less than there is.
        if (stored === null || stored.length > 0) more = true;
        for (const { waitMs, ...replay } of stored ?? []) {
          const isFirst = replay.origin === 'test' && replay.attempts === 0;
          replays.push({ ...replay, notBefore: isFirst ? 0 : now + waitMs });
          window.add(replay.event.payload);
        }
      };
      return { question, take };
    },
    next() {
      let next: Replay | undefined;
      for (const replay of replays) if (next === undefined || replay.notBefore < next.notBefore) next = replay;
      return next;
    },
    remove(replay) {
      if (!replays.includes(replay)) return;
      replays = replays.filter((other) => other !== replay);
      window.remove(replay.event.payload);
    },
    giveBack() {
      const next = this.next();
      for (const replay of replays) if (replay !== next) this.remove(replay);
      more = true;
    },
  };
}
