// How many events wait for an endpoint whose actor does not hold all of them. Pure.
//
// A live actor needs no count: what waits is in its mailbox. So a count lasts only as long as its actor lags.

import { type Count, type CursorState, exactTo } from './cursor-state.ts';

export type BacklogCount = Count & {
  /** The events up to here are counted, though the dispatcher may not be there yet. */
  readonly countedTo: number;
  /** A lower bound from as far ahead as Postgres looks: for now nobody can say more. */
  readonly isBest: boolean;
  /** The dispatcher has read an unsettled event for the endpoint. */
  add(position: number): void;
  /** Events of the endpoint were settled. */
  settle(events: number): void;
  /** Counts the events up to `to` again. What is added or settled while that is done, `take` adds to the new count. */
  recount(to: number): { take(counted: Count): void };
};

/** Which of its endpoint's events to count for an actor, and who takes the answer. */
export type Recount = { after: number; upTo: number; take(counted: Count): void };

/** Nobody has counted yet. */
export const uncounted: Count = { count: 0, isLowerBound: true };

/** Whether it may be exact once it is counted again. */
export const isToCount = ({ count, isLowerBound }: Count): boolean => isLowerBound && count < exactTo;

export function createBacklogCount(first: Count, countedTo: number): BacklogCount {
  let { count, isLowerBound } = first;
  let isBest = false;

  return {
    get count() {
      // A lower bound lacks events that are settled all the same.
      return Math.max(0, count);
    },
    get isLowerBound() {
      return isLowerBound;
    },
    get countedTo() {
      return countedTo;
    },
    get isBest() {
      return isBest;
    },
    add(position) {
      if (position > countedTo) count += 1;
    },
    settle(events) {
      count -= events;
    },
    recount(to) {
      const before = count;
      return {
        take(counted) {
          count += counted.count - before;
          isLowerBound = counted.isLowerBound;
          isBest = isToCount(counted);
          countedTo = to;
        },
      };
    },
  };
}

/**
 * The count of an actor that has loaded its cursor. `came`: the events for it that the dispatcher has read since it was at
 * `from`, where the load began; it is at `dispatched` now.
 */
export function countOf(
  cursor: CursorState,
  { from, came }: { from: number; came: number },
  dispatched: number,
): BacklogCount {
  const { backlog: count, backlogIsLowerBound: isLowerBound, countedTo, settled } = cursor;
  // The endpoint's last owner had counted beyond this dispatcher: all that came is counted.
  if (dispatched <= countedTo) return createBacklogCount({ count, isLowerBound }, countedTo);
  // Which of those that came are counted, or settled, nobody has noted.
  const isKnown = from === countedTo && ![...settled].some((position) => position > from && position <= dispatched);
  return createBacklogCount(
    isKnown ? { count: count + came, isLowerBound } : { count, isLowerBound: true },
    dispatched,
  );
}
