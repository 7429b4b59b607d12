// What an endpoint's actor reads: how far it has come in the log, and what waits in its line. Pure.
//
//   loading ──▶ live             the cursor is loaded, and is where the dispatcher has read to
//   loading ──▶ lagging          the cursor is loaded, and lies behind that
//   lagging ──▶ live             pages of the table have brought it there
//   live ──▶ lagging             the mailbox is full, or the filter changed
//   live, lagging ──▶ loading    a turn was lost, or the stored state changed
//
// A backlog is counted only while it lags: once it is live, what waits is in its mailbox.

import type { LogEntry } from '../log/entry.ts';
import { type BacklogCount, type Recount, countOf, createBacklogCount, isToCount, uncounted } from './backlog-count.ts';
import type { Count, CursorState } from './cursor-state.ts';
import type { Head } from './health.ts';
import { Line, type Retry } from './line.ts';
import type { QueuedEvent } from './mailbox.ts';
import type { WindowBudget } from './window-budget.ts';

type State =
  /** `came`: the events for it that the dispatcher has read since it was at `from`. A stale cursor is loaded once more. */
  | { is: 'loading'; isStale: boolean; from: number; came: number }
  /** `isOutdated`: the filter changed while a turn runs, at whose end all that waits is read again. */
  | { is: 'lagging'; isOutdated: boolean; pageAsked: boolean; count: BacklogCount }
  | { is: 'live'; isOutdated: boolean };

const loading = (): State => ({ is: 'loading', isStale: false, from: 0, came: 0 });

/** Its cursor is loaded first. */
export class Reading {
  #line: Line;
  #state = loading();

  /** `isFor`: whether an event is for the endpoint, as it is configured now. */
  constructor(isFor: (entry: LogEntry) => boolean, budget: WindowBudget) {
    this.#line = new Line(isFor, budget);
  }

  get is(): State['is'] {
    return this.#state.is;
  }
  get examined(): number {
    return this.#line.examined;
  }
  /** What its line holds in memory. */
  get bytes(): number {
    return this.#line.bytes;
  }
  /** When the first event of the line is due. Infinity: it has none. */
  get dueAt(): number {
    return this.#line.dueAt;
  }
  /** The first event of the line, as far as that is known. */
  get head(): Head {
    if (this.#state.is === 'loading' || this.#state.isOutdated) return null;
    return this.#line.head ?? (this.#state.is === 'live' ? 'empty' : null);
  }
  /** Its first event has failed and waits for another attempt. While it is paused that may be all that is known of it. */
  get isBlocked(): boolean {
    return this.#state.is !== 'loading' && this.head !== 'empty' && this.#line.isBlocked;
  }
  /** It is lagging, has room for a page, and has asked for none. */
  get wantsPage(): boolean {
    return this.#state.is === 'lagging' && !this.#state.pageAsked && this.#line.hasRoom;
  }
  /** It has no event, and a page that may bring one is being read. */
  get awaitsPage(): boolean {
    return this.#state.is === 'lagging' && this.#state.pageAsked && this.#line.size === 0;
  }
  /** How many events wait: unsettled ones that the filter asks for, as far as the dispatcher has read. */
  get backlog(): Count {
    const state = this.#state;
    if (state.is === 'loading' || state.isOutdated) return uncounted;
    return state.is === 'lagging' ? state.count : { count: this.#line.size, isLowerBound: false };
  }

  /** A load of the cursor begins, while the dispatcher is at `from`. */
  loadBegins(from: number): void {
    if (this.#state.is === 'loading') this.#state = { ...this.#state, from, came: 0 };
  }

  /** Starts again from the stored cursor. Returns false when that is stale. */
  load(cursor: CursorState, dispatched: number, now: number): boolean {
    if (this.#state.is !== 'loading') return true;
    if (this.#state.isStale) {
      this.#state = loading();
      return false;
    }
    const count = countOf(cursor, this.#state, dispatched);
    this.#state = { is: 'lagging', isOutdated: false, pageAsked: false, count };
    this.#line.reset(cursor, now);
    return true;
  }

  /** The stored state was changed. Returns false while a load is under way; that load is then repeated. */
  storedChanged(): boolean {
    if (this.#state.is !== 'loading') {
      this.#state = loading();
      return true;
    }
    this.#state.isStale = true;
    return false;
  }

  /** A turn was lost: the next load shows what it did. */
  lose(): void {
    this.#state = loading();
  }

  /** The filter changed. While a turn of the line runs, what waits is read again at its end. */
  filterChanged(isLineRunning: boolean): void {
    if (this.#state.is === 'loading') this.#state.isStale = true;
    else if (isLineRunning) this.#state.isOutdated = true;
    else this.#readAgain();
  }

  /** Takes an event for the endpoint that the dispatcher has read. */
  take(entry: LogEntry): void {
    const { position } = entry;
    if (this.#state.is === 'loading') {
      this.#state.came += 1;
      return;
    }
    // The cursor, or a page, was ahead of the dispatcher.
    if (position <= this.examined) return;
    if (this.#state.is === 'lagging') {
      if (!this.#line.isSettled(position)) this.#state.count.add(position);
    } else if (!this.#line.take(entry)) {
      const count = createBacklogCount({ count: this.#line.size + 1, isLowerBound: false }, position);
      this.#state = { is: 'lagging', isOutdated: this.#state.isOutdated, pageAsked: false, count };
    }
  }

  pageAsked(): void {
    if (this.#state.is === 'lagging') this.#state.pageAsked = true;
  }

  /**
   * Takes a page of consecutive events while it is lagging. `pastGap` gives the position after which the log continues.
   * Returns true when the line waited for it in vain.
   */
  takePage(page: readonly LogEntry[], dispatched: number, pastGap: (position: number) => number): boolean {
    if (this.#state.is !== 'lagging') return false;
    const { awaitsPage } = this;
    this.#state.pageAsked = false;
    this.#line.takePage(page, pastGap);
    if (this.examined >= dispatched) this.#state = { is: 'live', isOutdated: this.#state.isOutdated };
    return awaitsPage && this.#line.size === 0;
  }

  /** Gives back all events but the first, and reads them again when there is room. `dispatched`: how far the dispatcher has read. */
  giveBack(dispatched: number): void {
    if (this.#state.is === 'loading' || this.#state.isOutdated) return;
    const { size } = this.#line;
    // A page can have been ahead of the dispatcher.
    const reach = this.#reach(dispatched);
    if (!this.#line.giveBack() || this.#state.is === 'lagging') return;
    const count = createBacklogCount({ count: size, isLowerBound: false }, reach);
    this.#state = { is: 'lagging', isOutdated: false, pageAsked: false, count };
  }

  /** It is of no use any more: it takes nothing, and holds nothing. */
  close(): void {
    this.#state = loading();
    this.#line.close();
  }

  /** The events of the line's next turn. */
  turn(): ReturnType<Line['turn']> {
    return this.#line.turn();
  }

  /** The first events of the line are settled. `again`: the one behind them failed. */
  settle(events: number, again: Retry | null): void {
    const last = this.#line.settle(events, again);
    if (this.#state.is === 'lagging') this.#state.count.settle(events);
    if (this.#state.is !== 'loading' && this.#state.isOutdated) this.#readAgain(last);
    else this.#line.forget();
  }

  /** Everything up to `position` is settled. `dispatched`: how far the dispatcher has read. */
  cursor(dispatched: number): { position: number; previous: number } {
    return this.#line.cursor(this.#reach(dispatched));
  }

  /** It has yet to skip settled events, which its backlog does not count: its cursor and its backlog do not match yet. */
  isSkipping(dispatched: number): boolean {
    return this.#line.isSkipping(this.#reach(dispatched));
  }

  /** What is stored of the backlog: how many events, settled or not, lie above the cursor and up to `examined`. */
  storedBacklog(dispatched: number): { examined: number; backlog: number } {
    const { position } = this.cursor(dispatched);
    // The next load counts the backlog itself.
    if (this.#isUncounted) return { examined: position, backlog: 0 };
    const examined = this.#state.is === 'lagging' ? this.#state.count.countedTo : this.examined;
    const skipped = this.#line.skippedAbove(position);
    return { examined: Math.max(examined, dispatched), backlog: this.backlog.count + skipped };
  }

  /** The count that would make the backlog exact. Null: there is none to make. */
  recount(dispatched: number): Recount | null {
    if (this.#state.is !== 'lagging' || this.#state.isOutdated || !isToCount(this.#state.count)) return null;
    if (this.isSkipping(dispatched)) return null;
    const { position: after } = this.cursor(dispatched);
    const upTo = Math.max(this.#state.count.countedTo, dispatched);
    const skipped = this.#line.skippedAbove(after);
    const { take } = this.#state.count.recount(upTo);
    return { after, upTo, take: ({ count, isLowerBound }) => take({ count: count - skipped, isLowerBound }) };
  }

  get #isUncounted(): boolean {
    const state = this.#state;
    if (state.is === 'loading' || state.isOutdated) return true;
    return state.is === 'lagging' && isToCount(state.count) && !state.count.isBest;
  }

  /** The log was examined for it up to here. */
  #reach(dispatched: number): number {
    return this.#state.is === 'live' ? Math.max(this.examined, dispatched) : this.examined;
  }

  #readAgain(last?: QueuedEvent): void {
    if (!this.#line.readAgain(last) && this.#state.is === 'live') return;
    const pageAsked = this.#state.is === 'lagging' && this.#state.pageAsked;
    this.#state = { is: 'lagging', isOutdated: false, pageAsked, count: createBacklogCount(uncounted, 0) };
  }
}
