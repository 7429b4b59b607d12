// One row for each request, one request for each row, and each row tells the truth.

import {
  type Line,
  type LoggedEvent,
  type RecordedAttempt,
  type SeenRequest,
  attemptOf,
  isAccepted,
} from './history.ts';
import type { Say } from './verdict.ts';

export type Rows = ReadonlyMap<SeenRequest, RecordedAttempt>;

/** `further` are rows beyond the requests that were seen for their attempts: `made`, which may be none. */
export type Matched = { rows: Rows; further: { row: RecordedAttempt; made: readonly SeenRequest[] }[] };

/**
 * Gives each request its row. Of several requests for one attempt a row belongs to the last one that had begun when it
 * was recorded, and a further row, which a stopped process wrote late, to the one before.
 */
export function matchRows(sent: readonly SeenRequest[], recorded: readonly RecordedAttempt[]): Matched {
  const rows = new Map<SeenRequest, RecordedAttempt>();
  const further: Matched['further'] = [];
  const made = Map.groupBy(sent, attemptOf);
  for (const row of recorded.toSorted((one, other) => one.recordedAt - other.recordedAt)) {
    const all = made.get(attemptOf(row)) ?? [];
    const free = all.filter((request) => !rows.has(request));
    const request = free.findLast(({ begunAt }) => begunAt <= row.recordedAt) ?? free[0];
    if (request) rows.set(request, row);
    else further.push({ row, made: all });
  }
  return { rows, further };
}

/** What each row says of itself. */
export function checkRows(
  { mostAttempts }: Line,
  { sent, recorded, rows }: { sent: readonly SeenRequest[]; recorded: readonly RecordedAttempt[]; rows: Rows },
  /** After a restore an event may get another position than the rows of before name. */
  { log, isRestored }: { log: ReadonlyMap<string, LoggedEvent>; isRestored: boolean },
  say: Say,
): void {
  const made = new Set<string>();
  const accepted = new Set<string>();
  const late = new Set<RecordedAttempt | undefined>();
  for (const request of sent) {
    made.add(attemptOf(request));
    if (isAccepted(request)) accepted.add(attemptOf(request));
    if (request.isLate) late.add(rows.get(request));
  }
  for (const row of recorded) {
    const name = attemptOf(row);
    const event = log.get(row.eventId);
    if (row.status === 'delivered' && made.has(name) && !accepted.has(name)) {
      say('wrongly recorded', `${name} is delivered and was not accepted`);
    }
    if (row.status === 'failed' && mostAttempts !== undefined && row.attempt !== mostAttempts) {
      say('wrongly recorded', `${name} was not the last that its retries allow`);
    }
    if (event && event.position !== row.position && !isRestored && !late.has(row)) {
      say('wrongly recorded', `${name} is recorded at ${row.position}, and its event is at ${event.position}`);
    }
  }
}
