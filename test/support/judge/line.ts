// What must hold of each request to an endpoint, and of all of them as its line of events.

import {
  type Line,
  type LoggedEvent,
  type RecordedAttempt,
  type SeenRequest,
  attemptOf,
  isAccepted,
} from './history.ts';
import type { Say } from './verdict.ts';

/** `event` is what the log has under the request's event id. */
export function checkContent(request: SeenRequest, event: LoggedEvent | undefined, say: Say): void {
  const { eventId, position, signed, bodySha, isLate } = request;
  if (!signed) say('wrongly signed', `${position} is wrongly signed`);
  if (!event) {
    // Of an event that a restored database has lost.
    if (!isLate) say('phantom', `${position} carries ${eventId}, which is not in the log`);
    return;
  }
  if (position !== event.position && !isLate) {
    say('disordered', `${position} names a wrong position, of ${event.position}`);
  }
  if (bodySha !== event.bodySha) say('wrong body', `${position} has another body than its event`);
}

/**
 * Every event of the line arrives, in its order, none before those in front of it are settled, each with the position of the
 * one before it.
 */
export function checkLine(
  line: Line,
  told: { sent: readonly SeenRequest[]; recorded: readonly RecordedAttempt[]; skips: readonly RecordedAttempt[] },
  say: Say,
): void {
  const { sent, recorded } = told;
  const { events, mostAttempts, begunAt = -Infinity } = line;
  const skips = told.skips.toSorted((one, other) => one.recordedAt - other.recordedAt);
  const places = new Map(events.map(({ id }, index) => [id, index]));
  const { givenUp, unseen } = findGivenUp(line, sent, recorded);
  const settled = new Set(events.flatMap(({ id }, index) => (unseen.has(id) ? [index] : [])));
  let settledUpTo = 0;
  const skipUntil = (at: number) => {
    while (skips.length > 0 && skips[0]!.recordedAt <= at) settled.add(places.get(skips.shift()!.eventId) ?? -1);
  };
  for (const request of sent) {
    skipUntil(request.sentAt ?? request.begunAt);
    const { eventId, position, attempt, isLate } = request;
    // It settles nothing here, however late it came.
    if ((request.sentAt ?? request.begunAt) < begunAt) {
      say('phantom', `${position} was sent before its line began`);
      continue;
    }
    const place = places.get(eventId);
    if (place === undefined) {
      if (!isLate && !line.mayTake?.(eventId)) say('phantom', `${position} was not for it`);
      continue;
    }
    while (settled.has(settledUpTo)) settledUpTo += 1;
    if (!isLate) checkTurn(line, request, { place, settledUpTo }, say);
    if (isAccepted(request) || attempt === mostAttempts || givenUp.has(attemptOf(request))) settled.add(place);
  }
  skipUntil(Infinity);
  if (!line.isWhole) return;
  events.forEach(({ position }, place) => {
    if (!settled.has(place)) say('lost', `${position} was lost`);
  });
}

/** All places before `settledUpTo` are settled, and that one is not. */
function checkTurn(
  { events, before }: Line,
  { position, previous }: SeenRequest,
  { place, settledUpTo }: { place: number; settledUpTo: number },
  say: Say,
): void {
  if (before !== null && previous !== (place === 0 ? before : events[place - 1]!.position)) {
    say('disordered', `${position} says that ${previous} was before it`);
  }
  if (place > settledUpTo) {
    say('disordered', `${position} is out of order: ${events[settledUpTo]!.position} was not settled`);
  }
}

/**
 * Attempts after which their events were given up. `unseen` has the events whose last attempt came late (the sender gave it
 * up when its thread died, and went on while the request was still on its way), or not at all: its connection was refused,
 * its request got lost, or its thread died before. That is an attempt like any other, so it gives up nothing before the last one.
 */
function findGivenUp(
  { mostAttempts }: Line,
  sent: readonly SeenRequest[],
  recorded: readonly RecordedAttempt[],
): { givenUp: ReadonlySet<string>; unseen: ReadonlySet<string> } {
  const failed = recorded.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return { givenUp: new Set(), unseen: new Set() };
  const inTime = new Set(sent.filter(({ isLate }) => !isLate).map(attemptOf));
  const late = new Set(sent.filter(({ isLate }) => isLate).map(attemptOf));
  const numbers = new Set([...sent, ...recorded].map(numberOf));
  const mayBeLost = ({ eventId, attempt, answered }: RecordedAttempt) => {
    if (answered || (mostAttempts === undefined ? attempt === 1 : attempt !== mostAttempts)) return false;
    const earlier = Array.from({ length: attempt - 1 }, (_, index) => numberOf({ eventId, attempt: index + 1 }));
    return earlier.every((number) => numbers.has(number));
  };
  const unseen = failed.filter((row) => !inTime.has(attemptOf(row)) && (late.has(attemptOf(row)) || mayBeLost(row)));
  return { givenUp: new Set(failed.map(attemptOf)), unseen: new Set(unseen.map(({ eventId }) => eventId)) };
}

/** Whoever made it: an owner counts on where the one before it ended. */
function numberOf({ eventId, attempt }: { eventId: string; attempt: number }): string {
  return `${eventId} ${attempt}`;
}
