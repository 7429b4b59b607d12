// What a number of crashes excuses: nobody knows which process they befell, or when.

import { type RecordedAttempt, type SeenRequest, attemptOf, endOf, isAccepted, mostInFlight } from './history.ts';
import type { Matched } from './records.ts';
import type { Say, Verdict } from './verdict.ts';

type Told = { sent: readonly SeenRequest[]; recorded: readonly RecordedAttempt[]; matched: Matched | null };

/** Each crash may repeat what was in flight, in its old order, and leave as much unrecorded. */
export function checkByCrashes({ sent, recorded, matched }: Told, crashes: number, verdict: Verdict, say: Say): void {
  verdict.repeats += checkRepeats(sent, crashes, say);
  checkOverlaps(sent, say);
  const seen = new Set<string>();
  for (const row of recorded) {
    const name = attemptOf(row);
    if (seen.has(name)) say('wrongly recorded', `${name} is recorded again`);
    seen.add(name);
  }
  if (!matched) return;
  for (const { row, made } of matched.further) {
    if (made.length === 0) say('wrongly recorded', `${attemptOf(row)} is recorded and was not received`);
  }
  const unrecorded = sent.filter((request) => !matched.rows.has(request));
  if (unrecorded.length <= crashes * mostInFlight) return;
  for (const request of unrecorded) say('unrecorded', `${attemptOf(request)} is unrecorded`);
}

/** An accepted event comes again only after a crash: not from farther back than what was in flight, and in order. */
function checkRepeats(sent: readonly SeenRequest[], crashes: number, say: Say): number {
  const places = new Map<string, number>();
  let repeats = 0;
  let runs = 0;
  let next = -1;
  for (const request of sent) {
    const place = places.get(request.eventId);
    if (place === undefined) {
      if (isAccepted(request)) places.set(request.eventId, places.size);
      continue;
    }
    if (isAccepted(request)) repeats += 1;
    if (place !== next) {
      runs += 1;
      const back = places.size - place;
      if (runs > crashes) say('duplicated', `${request.position} is duplicated`);
      else if (back > mostInFlight)
        say('duplicated', `${request.position} is duplicated, ${back} accepted events back`);
    }
    next = isAccepted(request) ? place + 1 : place;
  }
  return repeats;
}

function checkOverlaps(sent: readonly SeenRequest[], say: Say): void {
  let open: SeenRequest | null = null;
  for (const request of sent) {
    if (open && request.begunAt < endOf(open)) say('overlapping', `${request.position} overlaps ${open.position}`);
    if (!open || endOf(request) > endOf(open)) open = request;
  }
}
