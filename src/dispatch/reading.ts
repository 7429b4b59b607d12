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
import type { TurnEvent } from '../worker/turn.ts';
import { type BacklogCount, type Recount, countOf, createBacklogCount, isToCount, uncounted } from './backlog-count.ts';
import type { Count, CursorState } from './cursor-state.ts';
import { type Retry, createLine } from './line.ts';
import type { QueuedEvent } from './mailbox.ts';

type State =
  /** `came`: the events for it that the dispatcher has read since it was at `from`. A stale cursor is loaded once more. */
  | { is: 'loading'; isStale: boolean; from: number; came: number }
  /** `isOutdated`: the filter changed while a turn runs, at whose end all that waits is read again. */
  | { is: 'lagging'; isOutdated: boolean; pageAsked: boolean; count: BacklogCount }
  | { is: 'live'; isOutdated: boolean };

const loading = (): State => ({ is: 'loading', isStale: false, from: 0, came: 0 });

export type Reading = ReturnType<typeof createReading>;

/** Its cursor is loaded first. `matches`: whether the endpoint asks for events of a type, as it is configured now. */
export function createReading(matches: (type: string) => boolean) {
  const line = createLine(matches);
  let state = loading();

  /** The log was examined for it up to here. */
  const reach = (dispatched: number) => (state.is === 'live' ? Math.max(line.examined, dispatched) : line.examined);

  /** How many events wait: unsettled ones that the filter asks for, as far as the dispatcher has read. */
  function backlog(): Count {
    if (state.is === 'loading' || state.isOutdated) return uncounted;
    return state.is === 'lagging' ? state.count : { count: line.size, isLowerBound: false };
  }

  function readAgain(last?: QueuedEvent): void {
    if (!line.readAgain(last) && state.is === 'live') return;
    const pageAsked = state.is === 'lagging' && state.pageAsked;
    state = { is: 'lagging', isOutdated: false, pageAsked, count: createBacklogCount(uncounted, 0) };
  }

  return {
    get is() {
      return state.is;
    },
    get examined() {
      return line.examined;
    },
    /** When the first event of the line is due. Infinity: it has none. */
    get dueAt() {
      return line.dueAt;
    },
    /** It is lagging, has room for a page, and has asked for none. */
    get wantsPage() {
      return state.is === 'lagging' && !state.pageAsked && line.hasRoom;
    },
    backlog,

    /** A load of the cursor begins, while the dispatcher is at `from`. */
    loadBegins(from: number): void {
      if (state.is === 'loading') state = { ...state, from, came: 0 };
    },

    /** Starts again from the stored cursor. Returns false when that is stale. */
    load(cursor: CursorState, dispatched: number, now: number): boolean {
      if (state.is !== 'loading') return true;
      if (state.isStale) {
        state = loading();
        return false;
      }
      const count = countOf(cursor, state, dispatched);
      state = { is: 'lagging', isOutdated: false, pageAsked: false, count };
      line.reset(cursor, now);
      return true;
    },

    /** What it reads, or its stored state, is not what it was. Returns whether no load that is under way has to see that. */
    outdate(): boolean {
      if (state.is !== 'loading') {
        state = loading();
        return true;
      }
      state.isStale = true;
      return false;
    },

    /** A turn was lost: the next load shows what it did. */
    lose(): void {
      state = loading();
    },

    /** The filter changed. While a turn of the line runs, what waits is read again at its end. */
    refilter(isLineRunning: boolean): void {
      if (state.is === 'loading') state.isStale = true;
      else if (isLineRunning) state.isOutdated = true;
      else readAgain();
    },

    /** Takes an event for the endpoint that the dispatcher has read. */
    take(entry: LogEntry): void {
      const { position } = entry;
      if (state.is === 'loading') {
        state.came += 1;
        return;
      }
      // The cursor, or a page, was ahead of the dispatcher.
      if (position <= line.examined) return;
      if (state.is === 'lagging') {
        if (!line.isSettled(position)) state.count.add(position);
      } else if (!line.take(entry)) {
        const count = createBacklogCount({ count: line.size + 1, isLowerBound: false }, position);
        state = { is: 'lagging', isOutdated: state.isOutdated, pageAsked: false, count };
      }
    },

    pageAsked(): void {
      if (state.is === 'lagging') state.pageAsked = true;
    },

    /** Takes a page of consecutive events while it is lagging. `pastGap` gives the position after which the log continues. */
    takePage(page: readonly LogEntry[], dispatched: number, pastGap: (position: number) => number): void {
      if (state.is !== 'lagging') return;
      state.pageAsked = false;
      line.takePage(page, pastGap);
      if (line.examined >= dispatched) state = { is: 'live', isOutdated: state.isOutdated };
    },

    /** The events of the line's next turn. */
    turn: (): { events: TurnEvent[]; attemptsBefore: number } => line.turn(),

    /** The first events of the line are settled. `again`: the one behind them failed. */
    settle(events: number, again: Retry | null): void {
      const last = line.settle(events, again);
      if (state.is === 'lagging') state.count.settle(events);
      if (state.is !== 'loading' && state.isOutdated) readAgain(last);
      else line.forget();
    },

    /** Everything up to `position` is settled. `dispatched`: how far the dispatcher has read. */
    cursor: (dispatched: number): { position: number; previous: number } => line.cursor(reach(dispatched)),

    /** It has yet to skip settled events, which its backlog does not count: its cursor and its backlog do not match yet. */
    isSkipping: (dispatched: number): boolean => line.isSkipping(reach(dispatched)),

    /** What is stored of the backlog: how many events, settled or not, lie above the cursor and up to `examined`. */
    storedBacklog(dispatched: number): { examined: number; backlog: number } {
      const { position } = line.cursor(reach(dispatched));
      // Whoever reads this counts all of them.
      if (isToCount(backlog())) return { examined: position, backlog: 0 };
      const examined = state.is === 'lagging' ? state.count.countedTo : line.examined;
      const skipped = line.skippedAbove(position);
      return { examined: Math.max(examined, dispatched), backlog: backlog().count + skipped };
    },

    /** What to count of a backlog that may become exact by it. Null: nothing. */
    recount(dispatched: number): Recount | null {
      if (state.is !== 'lagging' || state.isOutdated || !isToCount(state.count)) return null;
      if (line.isSkipping(line.examined)) return null;
      const { position: after } = line.cursor(line.examined);
      const upTo = Math.max(state.count.countedTo, dispatched);
      const skipped = line.skippedAbove(after);
      const { take } = state.count.recount(upTo);
      return { after, upTo, take: ({ count, isLowerBound }) => take({ count: count - skipped, isLowerBound }) };
    },
  };
}
