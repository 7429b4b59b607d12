// What is stored of an endpoint's place, and the place that follows from it.

import type { PauseReason } from '../model/webhook-cursor.ts';
import { compilePatterns, filterText } from '../policy/routing.ts';

/** What is stored of an endpoint's place. */
export type Place = {
  /** Rows of another generation say nothing of this place. */
  generation: number;
  resumes: number;
  pauseReason: PauseReason | null;
  /** Everything up to here is settled. */
  cursor: number;
  /** Position of the last event for this endpoint at or below the cursor; 0 when there is none. */
  previous: number;
  /** Positions above the cursor that are settled too. */
  settled: ReadonlySet<number>;
  /**
   * The attempts so far of unsettled events, and how long to wait before the next: of the first one, and of one behind it
   * whose thread was lost with it on the wire, and with the rows of those before it.
   */
  retries: readonly { position: number; attempts: number; waitMs: number }[];
  /** There are tests or replays to read and send. */
  sideWaits: boolean;
  backlog: number;
  /** The backlog could not be counted yet, or was too long: it is at least this. */
  backlogIsFloor: boolean;
  lastError: string | null;
};

/** A backlog is exact to 10,000; counting stops at twice that, so that it is not begun again at once. */
export const exactTo = 10_000;

export type Count = { count: number; isFloor: boolean };

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
  lastError: string | null;
  sideWaits: boolean;
};

/** What of it is changed by requests, on whichever instance they are made. */
export type EndpointState = Pick<StoredCursor, 'endpointId' | 'generation' | 'resumes' | 'pauseReason' | 'sideWaits'>;

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

/** After which position the backlog has yet to be counted: what is stored was counted up to there, by this filter. */
export function countedUpTo(cursor: StoredCursor, events: readonly string[]): number {
  return isCountedBy(cursor, events) ? cursor.examined : cursor.position;
}

/**
 * The place, given the rows in the order in which they were made, the endpoint's filter, and how many events after
 * `countedUpTo` and up to `head` are for it.
 */
export function placeOf(
  cursor: StoredCursor,
  rows: readonly LineRow[],
  events: readonly string[],
  { count, isFloor }: Count,
  head: number,
): Place {
  const final = rows.filter(({ status }) => status !== 'retrying');
  const settled = new Set(final.map(({ position }) => position));
  // An event of another filter was counted by none of the numbers here.
  const matches = compilePatterns(events);
  const counted = new Set(
    final.filter(({ position, type }) => position <= head && matches(type)).map(({ position }) => position),
  ).size;
  const stored = isCountedBy(cursor, events) ? cursor.backlog : 0;
  return {
    generation: cursor.generation,
    resumes: cursor.resumes,
    pauseReason: cursor.pauseReason,
    cursor: cursor.position,
    previous: cursor.previous,
    settled,
    retries: retriesOf(rows, settled, cursor.resumes),
    sideWaits: cursor.sideWaits,
    backlog: Math.max(0, stored + count - counted),
    backlogIsFloor: isFloor || stored >= exactTo,
    lastError: cursor.lastError,
  };
}

/** The last failed attempt of each event that is not settled, as far as it counts: a resume starts the count anew. */
function retriesOf(rows: readonly LineRow[], settled: ReadonlySet<number>, resumes: number): Place['retries'] {
  const counted = rows.filter((row) => row.resumes === resumes && !settled.has(row.position));
  // Ids follow the clock of whoever made them; attempts are numbered.
  const inOrder = counted.toSorted((one, other) => one.attempts - other.attempts);
  const last = new Map(inOrder.map(({ position, attempts, waitMs }) => [position, { position, attempts, waitMs }]));
  return [...last.values()];
}

function isCountedBy(cursor: StoredCursor, events: readonly string[]): boolean {
  return cursor.filter === filterText(events);
}
