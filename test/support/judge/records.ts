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
 * was recorded, and a further row, which a stopped process wrote late, to the one before. A row that tells of an answer has
 * a request for certain, so it goes first.
 */
export function matchRows(sent: readonly SeenRequest[], recorded: readonly RecordedAttempt[]): Matched {
  const rows = new Map<SeenRequest, RecordedAttempt>();
  const further: Matched['further'] = [];
  const made = Map.groupBy(sent, attemptOf);
  const inOrder = recorded.toSorted((one, other) => one.recordedAt - other.recordedAt);
  for (const row of [...inOrder.filter(({ answered }) => answered), ...inOrder.filter(({ answered }) => !answered)]) {
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
  told: { sent: readonly SeenRequest[]; recorded: readonly RecordedAttempt[]; isRestored: boolean },
  log: ReadonlyMap<string, LoggedEvent>,
  say: Say,
): void {
  const { sent, recorded, isRestored } = told;
  const accepted = new Set<string>();
  const made = new Set<string>();
  /** By attempt, where the late requests said that its event was. */
  const late = new Map<string, Set<number>>();
  for (const request of sent) {
    const name = attemptOf(request);
    made.add(name);
    if (isAccepted(request)) accepted.add(name);
    if (request.isLate) late.set(name, (late.get(name) ?? new Set()).add(request.position));
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
    // A thread that died before a restore may have sent nothing; its row may still come after it.
    const mayBeOfBefore = isRestored && !row.answered;
    if (event && event.position !== row.position && !late.get(name)?.has(row.position) && !mayBeOfBefore) {
      say('wrongly recorded', `${name} is recorded at ${row.position}, and its event is at ${event.position}`);
    }
  }
}
