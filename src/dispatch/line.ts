// One endpoint's line: its next events in log order, the attempts that they had, and what is settled behind the first. Pure.

import type { LogEntry } from '../log/entry.ts';
import type { TurnEvent } from '../worker/turn.ts';
import type { CursorState } from './cursor-state.ts';
import { type QueuedEvent, createMailbox } from './mailbox.ts';
import { createSettled } from './settled.ts';

/** Events of one turn: twice as many as the last turn settled, within these limits. */
const turnEvents = { least: 8, first: 16, most: 64 };

/** It has room for another page when its mailbox holds no more events than this. */
const lowWater = 64;

/** The attempts that an event had, and when the next one is due. */
export type Retry = { attempts: number; notBefore: number };

export type Line = ReturnType<typeof createLine>;

/** It begins at the log's start. `matches`: whether the endpoint asks for events of a type, as it is configured now. */
export function createLine(matches: (type: string) => boolean) {
  const mailbox = createMailbox();
  let examined = 0;
  let lastMatch = 0;
  let settled = createSettled([]);
  /** By position: of the first event, and of events behind it that a lost thread had on the wire. */
  let retries = new Map<number, Retry>();
  let mostEvents = turnEvents.first;

  function push(entry: LogEntry): void {
    mailbox.push({ entry, previous: lastMatch });
    lastMatch = entry.position;
  }

  return {
    /** How many events its mailbox holds. */
    get size() {
      return mailbox.size;
    },
    /** The log was examined for it up to here. */
    get examined() {
      return examined;
    },
    /** A few large events fill it, too. A page of which it can take nothing would be read again and again. */
    get hasRoom() {
      return mailbox.size <= lowWater && !mailbox.full;
    },
    /** When its first event is due. Infinity: it has none. */
    get dueAt() {
      const head = mailbox.first();
      return head === undefined ? Infinity : (retries.get(head.entry.position)?.notBefore ?? -Infinity);
    },

    /** Starts again from a cursor. */
    reset(cursor: CursorState, now: number): void {
      examined = cursor.position;
      mailbox.clear();
      lastMatch = cursor.previous;
      settled = createSettled(cursor.settled);
      retries = new Map(
        cursor.retries.map(({ position, attempts, waitMs }) => [position, { attempts, notBefore: now + waitMs }]),
      );
    },

    /** Takes the next event for the endpoint. Returns false when its mailbox is full: it has examined all before it. */
    take(entry: LogEntry): boolean {
      // The endpoint's last owner had read farther than this dispatcher.
      if (settled.skip(entry.position, true)) {
        lastMatch = entry.position;
      } else if (mailbox.full) {
        examined = entry.position - 1;
        return false;
      } else {
        push(entry);
      }
      return true;
    },

    /** Takes consecutive entries of the log until its mailbox is full. */
    takePage(page: readonly LogEntry[], pastGap: (position: number) => number): void {
      examined = pastGap(examined);
      for (const entry of page) {
        const { position } = entry;
        if (position !== examined + 1) continue;
        const isForIt = entry.addressedTo === null && matches(entry.type);
        if (settled.skip(position, isForIt)) {
          if (isForIt) lastMatch = position;
        } else if (!isForIt) {
          // A filter of before may have asked for it.
          retries.delete(position);
        } else if (mailbox.full) {
          return;
        } else {
          push(entry);
        }
        examined = pastGap(position);
      }
    },

    /** The events of its next turn. */
    turn(): { events: TurnEvent[]; attemptsBefore: number } {
      const queued = mailbox.front(mostEvents);
      // A turn counts the attempts of its first event only, so an event that was tried before begins a turn of its own.
      const end = queued.findIndex(({ entry }, index) => index > 0 && retries.has(entry.position));
      const attemptsBefore = retries.get(queued[0]!.entry.position)?.attempts ?? 0;
      return { events: queued.slice(0, end === -1 ? undefined : end).map(turnEvent), attemptsBefore };
    },

    /** Its first events are settled. `again`: the one behind them failed. Returns the last settled one. */
    settle(events: number, again: Retry | null): QueuedEvent | undefined {
      const last = mailbox.front(events).at(-1);
      for (const { entry } of mailbox.front(events)) retries.delete(entry.position);
      mailbox.drop(events);
      mostEvents = Math.min(Math.max(turnEvents.least, 2 * events), turnEvents.most);
      const head = mailbox.first();
      if (again && head) retries.set(head.entry.position, again);
      return last;
    },

    /** What lies before its first event is never read again. */
    forget(): void {
      settled.forget(mailbox.first()?.entry.position ?? examined);
    },

    /** Empties its mailbox, to read again after `last`, or else from its first event. Returns false when there is neither. */
    readAgain(last?: QueuedEvent): boolean {
      const head = mailbox.first();
      if (last) {
        examined = last.entry.position;
        lastMatch = last.entry.position;
      } else if (head) {
        examined = head.entry.position - 1;
        lastMatch = head.previous;
      } else {
        return false;
      }
      mailbox.clear();
      settled.stepBack(examined);
      return true;
    },

    /** Everything up to `position` is settled. `reached`: the log was examined for it up to here. */
    cursor(reached: number): { position: number; previous: number } {
      const head = mailbox.first();
      if (head) return { position: head.entry.position - 1, previous: head.previous };
      return { position: reached, previous: lastMatch };
    },

    isSettled: (position: number): boolean => settled.has(position),
    /** It has yet to skip a settled event above `position`. */
    isSkipping: (position: number): boolean => settled.isAhead(position),
    /** How many of its events above `position` it has skipped. */
    skippedAbove: (position: number): number => settled.skippedAbove(position),
  };
}

function turnEvent({ entry: { id, type, payload, position }, previous }: QueuedEvent): TurnEvent {
  return { id, type, payload, position, previous };
}
