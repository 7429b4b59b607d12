// An endpoint's cursor as it is stored, and the state that an actor starts from, which follows from it.

import type { PauseReason } from '../model/webhook-cursor.ts';
import type { StoredHealth } from './health.ts';
import { compilePatterns, filterText } from '../policy/routing.ts';

/** What an actor needs to continue an endpoint's line. */
export type CursorState = {
  /** Rows of another generation say nothing about this line. */
  generation: number;
  resumes: number;
  pauseReason: PauseReason | null;
  /** Everything up to here is settled. */
  position: number;
  /** Position of the last event for this endpoint at or below `position`; 0 when there is none. */
  previous: number;
  /** Positions above `position` that are settled, too. */
  settled: ReadonlySet<number>;
  /**
   * Of unsettled events, the attempts so far and the wait before the next one: of the line's first event, and of an event
   * behind it, which a lost thread had on the wire while the rows of those before it were not written yet.
   */
  retries: readonly { position: number; attempts: number; waitMs: number }[];
  /** There are replays to read and send. */
  hasReplays: boolean;
  /** How many events for the endpoint are unsettled after `position` and up to `countedTo`. */
  backlog: number;
  countedTo: number;
  /** The backlog was too long to count, or was not counted yet: it is at least this. */
  backlogIsLowerBound: boolean;
  health: StoredHealth;
};

/** A backlog is exact up to here. Counting stops at twice that, so that it is not repeated at once. */
export const exactTo = 10_000;

export type Count = { count: number; isLowerBound: boolean };

export type StoredCursor = {
  endpointId: string;
  generation: number;
  resumes: number;
  pauseReason: PauseReason | null;
  position: number;
  previous: number;
  examined: number;
  filter: string;
  backlog: number;
  hasReplays: boolean;
  /** Its first event has failed three times, and how often that has changed. */
  failing: boolean;
  failingChanges: number;
  /** For how long every attempt has failed; null when the last one was delivered. */
  failedMs: number | null;
};

/** What a request may change, on whichever instance it is made. */
export type StoredState = Pick<StoredCursor, 'endpointId' | 'generation' | 'resumes' | 'pauseReason' | 'hasReplays'> & {
  /** Orders wait for the owner, who carries them out when it loads the cursor. */
  hasOrders: boolean;
};

/** An attempt in the endpoint's line, above its cursor and of its generation. */
export type LineRow = {
  endpointId: string;
  position: number;
  type: string;
  status: 'delivered' | 'retrying' | 'failed';
  attempts: number;
  resumes: number;
  waitMs: number;
};

/** The stored backlog counts the events up to here, with this filter. Those that follow have yet to be counted. */
export function countedUpTo(cursor: StoredCursor, events: readonly string[]): number {
  return isCountedBy(cursor, events) ? cursor.examined : cursor.position;
}

/**
 * The state that follows from the stored cursor, the rows of the line in the order in which they were made, the endpoint's
 * filter, and the number of events after `countedUpTo` and up to `head` that match it.
 */
export function cursorStateOf(
  cursor: StoredCursor,
  rows: readonly LineRow[],
  events: readonly string[],
  { count, isLowerBound }: Count,
  head: number,
): CursorState {
  const final = rows.filter(({ status }) => status !== 'retrying');
  const settled = new Set(final.map(({ position }) => position));
  const countedTo = Math.max(head, countedUpTo(cursor, events));
  // Only events that match the filter were counted.
  const matches = compilePatterns(events);
  const counted = new Set(
    final.filter(({ position, type }) => position <= countedTo && matches(type)).map(({ position }) => position),
  ).size;
  const stored = isCountedBy(cursor, events) ? cursor.backlog : 0;
  return {
    generation: cursor.generation,
    resumes: cursor.resumes,
    pauseReason: cursor.pauseReason,
    position: cursor.position,
    previous: cursor.previous,
    settled,
    retries: retriesOf(rows, settled, cursor.resumes),
    hasReplays: cursor.hasReplays,
    backlog: Math.max(0, stored + count - counted),
    countedTo,
    backlogIsLowerBound: isLowerBound || stored >= exactTo,
    health: healthOf(cursor, rows, settled),
  };
}

/** The last failed attempt of each unsettled event. A resume starts the count again, so older attempts do not count. */
function retriesOf(rows: readonly LineRow[], settled: ReadonlySet<number>, resumes: number): CursorState['retries'] {
  const counted = rows.filter((row) => row.resumes === resumes && !settled.has(row.position));
  // Not in the order of ids, which follow the clocks of several machines.
  const inOrder = counted.toSorted((one, other) => one.attempts - other.attempts);
  const last = new Map(inOrder.map(({ position, attempts, waitMs }) => [position, { position, attempts, waitMs }]));
  return [...last.values()];
}

/** The rows above the cursor are newer than what is stored of its health with it. */
function healthOf(
  { failing, failingChanges, failedMs: stored, resumes }: StoredCursor,
  rows: readonly LineRow[],
  settled: ReadonlySet<number>,
): StoredHealth {
  const delivered = rows.findLastIndex(({ status }) => status === 'delivered');
  const hasFailed = rows.length > delivered + 1;
  const since = delivered === -1 ? stored : null;
  const failedBefore = new Map<number, number>();
  for (const { position, resumes: then } of rows) {
    if (then !== resumes && !settled.has(position)) failedBefore.set(position, (failedBefore.get(position) ?? 0) + 1);
  }
  return {
    failing,
    changes: failingChanges,
    failedMs: since ?? (hasFailed ? 0 : null),
    isStored: since !== null,
    wasDelivered: delivered !== -1 && !hasFailed,
    failedBefore,
  };
}

function isCountedBy(cursor: StoredCursor, events: readonly string[]): boolean {
  return cursor.filter === filterText(events);
}
