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
  sent: readonly SeenRequest[],
  recorded: readonly RecordedAttempt[],
  say: Say,
): void {
  const { events, mostAttempts } = line;
  const places = new Map(events.map(({ id }, index) => [id, index]));
  const { givenUp, unseen } = findGivenUp(sent, recorded);
  const settled = new Set(events.flatMap(({ id }, index) => (unseen.has(id) ? [index] : [])));
  let settledUpTo = 0;
  for (const request of sent) {
    const { eventId, position, attempt, isLate } = request;
    const place = places.get(eventId);
    if (place === undefined) {
      if (!isLate && !line.mayTake?.(eventId)) say('phantom', `${position} was not for it`);
      continue;
    }
    while (settled.has(settledUpTo)) settledUpTo += 1;
    if (!isLate) checkTurn(line, request, { place, settledUpTo }, say);
    if (isAccepted(request) || attempt === mostAttempts || givenUp.has(attemptOf(request))) settled.add(place);
  }
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
 * Attempts after which their events were given up. `unseen` has the events whose last attempt was not received, or came
 * late: the sender gave it up when its thread died, and went on while the request was still on its way.
 */
function findGivenUp(
  sent: readonly SeenRequest[],
  recorded: readonly RecordedAttempt[],
): { givenUp: ReadonlySet<string>; unseen: ReadonlySet<string> } {
  const failed = recorded.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return { givenUp: new Set(), unseen: new Set() };
  const seen = new Set(sent.filter(({ isLate }) => !isLate).map(attemptOf));
  return {
    givenUp: new Set(failed.map(attemptOf)),
    unseen: new Set(failed.filter((row) => !seen.has(attemptOf(row))).map(({ eventId }) => eventId)),
  };
}
