// One endpoint's line: its next events in log order, the attempts that they had, and what is settled behind the first. Pure.

import type { LogEntry } from '../log/entry.ts';
import type { Turn, TurnEvent } from '../worker/turn.ts';
import type { Head } from './health.ts';
import type { CursorState } from './cursor-state.ts';
import { type Mailbox, type QueuedEvent, createMailbox } from './mailbox.ts';
import type { WindowBudget } from './window-budget.ts';

/**
 * Events of one turn, within these limits: twice as many as the last one had if it settled all, else a quarter more than it
 * settled. What a turn does not come to crosses to the thread once more.
 */
const turnEvents = { least: 8, first: 16, most: 64, onceAll: 2, elsewise: 1.25 };

/** It has room for another page when its mailbox holds no more events than this. */
const lowWater = 64;

/** The attempts that an event had, and when the next one is due. */
export type Retry = { attempts: number; notBefore: number };

/** It begins at the log's start. */
export class Line {
  #isFor: (entry: LogEntry) => boolean;
  #mailbox: Mailbox;
  #examined = 0;
  #lastMatch = 0;
  #settled = new Settled([]);
  /** By position: of the first event, and of events behind it that a lost thread had on the wire. */
  #retries = new Map<number, Retry>();
  #mostEvents = turnEvents.first;
  /** How many events its last turn had. */
  #lastTurn = 0;

  /** `isFor`: whether an event is for the endpoint, as it is configured now. */
  constructor(isFor: (entry: LogEntry) => boolean, budget: WindowBudget) {
    this.#isFor = isFor;
    this.#mailbox = createMailbox(budget);
  }

  /** How many events its mailbox holds. */
  get size(): number {
    return this.#mailbox.size;
  }
  /** What its mailbox holds. */
  get bytes(): number {
    return this.#mailbox.bytes;
  }
  /** The log was examined for it up to here. */
  get examined(): number {
    return this.#examined;
  }
  /** A few large events fill it, too. A page of which it can take nothing would be read again and again. */
  get hasRoom(): boolean {
    return this.#mailbox.size <= lowWater && !this.#mailbox.full;
  }
  /** Its first event, and how often that has failed. */
  get head(): Exclude<Head, 'empty'> {
    const head = this.#mailbox.first();
    if (head === undefined) return null;
    return { event: head.entry, attempts: this.#retries.get(head.entry.position)?.attempts ?? 0 };
  }
  /** Its first event, or the one behind the cursor that it has not read yet, has failed. */
  get isBlocked(): boolean {
    const head = this.#mailbox.first();
    return head === undefined ? this.#retries.size > 0 : this.#retries.has(head.entry.position);
  }
  /** When its first event is due. Infinity: it has none. */
  get dueAt(): number {
    const head = this.#mailbox.first();
    return head === undefined ? Infinity : (this.#retries.get(head.entry.position)?.notBefore ?? -Infinity);
  }

  /** Starts again from a cursor. */
  reset(cursor: CursorState, now: number): void {
    this.#examined = cursor.position;
    this.#mailbox.clear();
    this.#lastMatch = cursor.previous;
    this.#settled = new Settled(cursor.settled);
    this.#retries = new Map(
      cursor.retries.map(({ position, attempts, waitMs }) => [position, { attempts, notBefore: now + waitMs }]),
    );
  }

  /** Takes the next event for the endpoint. Returns false when its mailbox is full: it has examined all before it. */
  take(entry: LogEntry): boolean {
    // The endpoint's last owner had read farther than this dispatcher.
    if (this.#settled.skip(entry.position, true)) {
      this.#lastMatch = entry.position;
    } else if (this.#mailbox.full) {
      this.#examined = entry.position - 1;
      return false;
    } else {
      this.#push(entry);
    }
    return true;
  }

  /** Takes consecutive entries of the log until its mailbox is full. */
  takePage(page: readonly LogEntry[], pastGap: (position: number) => number): void {
    this.#examined = pastGap(this.#examined);
    for (const entry of page) {
      const { position } = entry;
      if (position !== this.#examined + 1) continue;
      const isForIt = this.#isFor(entry);
      if (this.#settled.skip(position, isForIt)) {
        if (isForIt) this.#lastMatch = position;
      } else if (!isForIt) {
        // A filter of before may have asked for it.
        this.#retries.delete(position);
      } else if (this.#mailbox.full) {
        return;
      } else {
        this.#push(entry);
      }
      this.#examined = pastGap(position);
    }
  }

  /** The events of its next turn. */
  turn(): Pick<Turn, 'events' | 'attemptsBefore' | 'origin' | 'replayId'> {
    const queued = this.#mailbox.front(this.#mostEvents);
    // A turn counts the attempts of its first event only, so an event that was tried before begins a turn of its own.
    const end = queued.findIndex(({ entry }, index) => index > 0 && this.#retries.has(entry.position));
    const attemptsBefore = this.#retries.get(queued[0]!.entry.position)?.attempts ?? 0;
    const events = queued.slice(0, end === -1 ? undefined : end).map(turnEvent);
    this.#lastTurn = events.length;
    return { events, attemptsBefore, origin: 'line', replayId: null };
  }

  /** Its first events are settled. `again`: the one behind them failed. Returns the last settled one. */
  settle(events: number, again: Retry | null): QueuedEvent | undefined {
    const settled = this.#mailbox.front(events);
    for (const { entry } of settled) this.#retries.delete(entry.position);
    this.#mailbox.drop(events);
    const more = events < this.#lastTurn ? turnEvents.elsewise : turnEvents.onceAll;
    this.#mostEvents = Math.min(Math.max(turnEvents.least, Math.ceil(more * events)), turnEvents.most);
    const head = this.#mailbox.first();
    if (again && head) this.#retries.set(head.entry.position, again);
    return settled.at(-1);
  }

  /** What lies before its first event is never read again. */
  forget(): void {
    const below = this.#mailbox.first()?.entry.position ?? this.#examined;
    this.#settled.forget(below);
    for (const position of this.#retries.keys()) if (position < below) this.#retries.delete(position);
  }

  /** Empties its mailbox, to read again after `last`, or else from its first event. Returns false when there is neither. */
  readAgain(last?: QueuedEvent): boolean {
    const head = this.#mailbox.first();
    if (last) {
      this.#examined = last.entry.position;
      this.#lastMatch = last.entry.position;
    } else if (head) {
      this.#examined = head.entry.position - 1;
      this.#lastMatch = head.previous;
    } else {
      return false;
    }
    this.#mailbox.clear();
    this.#settled.stepBack(this.#examined);
    return true;
  }

  /** Gives back all events but the first, to read them again. Returns false when there are none behind it. */
  giveBack(): boolean {
    const head = this.#mailbox.first();
    if (head === undefined || this.#mailbox.size === 1) return false;
    this.#mailbox.keep(1);
    this.#examined = head.entry.position;
    this.#lastMatch = head.entry.position;
    this.#settled.stepBack(head.entry.position);
    return true;
  }

  /** It is of no use any more. */
  close(): void {
    this.#mailbox.clear();
  }

  /** Everything up to `position` is settled. `reached`: the log was examined for it up to here. */
  cursor(reached: number): { position: number; previous: number } {
    const head = this.#mailbox.first();
    if (head) return { position: head.entry.position - 1, previous: head.previous };
    return { position: reached, previous: this.#lastMatch };
  }

  isSettled(position: number): boolean {
    return this.#settled.has(position);
  }

  /** It has yet to skip a settled event above `position`. */
  isSkipping(position: number): boolean {
    return this.#settled.isAhead(position);
  }

  /** How many of its events above `position` it has skipped. */
  skippedAbove(position: number): number {
    return this.#settled.skippedAbove(position);
  }

  #push(entry: LogEntry): void {
    this.#mailbox.push({ entry, previous: this.#lastMatch });
    this.#lastMatch = entry.position;
  }
}

function turnEvent({ entry, previous }: QueuedEvent): TurnEvent {
  const { id, type, subject, payload, position, traceparent } = entry;
  return { id, type, subject, payload, position, previous, traceparent };
}

/** The positions above an endpoint's cursor that were settled when it was loaded: the actor skips each of them once. */
class Settled {
  #all: Set<number>;
  #ahead: Set<number>;
  /** Those of events for the endpoint that were skipped. */
  #skipped: number[] = [];

  constructor(positions: Iterable<number>) {
    this.#all = new Set(positions);
    this.#ahead = new Set(this.#all);
  }

  has(position: number): boolean {
    return this.#all.has(position);
  }

  /** Whether the position is settled; the actor skips it then, and it is not ahead any more. `isFor`: it is for the endpoint. */
  skip(position: number, isFor: boolean): boolean {
    const isSettled = this.#ahead.delete(position);
    if (isSettled && isFor) this.#skipped.push(position);
    return isSettled;
  }

  /** How many events for the endpoint were skipped above `position`. */
  skippedAbove(position: number): number {
    return this.#skipped.filter((other) => other > position).length;
  }

  /**
   * True while a settled position above `position` has not been skipped yet. An event that the filter no longer asks for is
   * never skipped, as the actor does not see it.
   */
  isAhead(position: number): boolean {
    return [...this.#ahead].some((other) => other > position);
  }

  /** What follows `position` is read again, and skipped again. */
  stepBack(to: number): void {
    this.#ahead = new Set([...this.#all].filter((position) => position > to));
    this.#skipped = this.#skipped.filter((position) => position <= to);
  }

  /** What is below `position` is never read again. */
  forget(below: number): void {
    for (const position of this.#all) if (position < below) this.#all.delete(position);
    this.#skipped = this.#skipped.filter((position) => position >= below);
  }
}
