// What halts of processes excuse: each request that is repeated, overlapped or unrecorded needs a halt of its own process.

import { type Halt, type SeenRequest, attemptOf, endOf, isAccepted, mostInFlight } from './history.ts';
import type { Matched, Rows } from './records.ts';
import type { Say, Verdict } from './verdict.ts';

type Told = { sent: readonly SeenRequest[]; matched: Matched | null; isRestored: boolean };
type Halts = ReadonlyMap<string, readonly Halt[]>;
type InFlight = ReadonlyMap<SeenRequest, readonly Halt[]>;
/** `late` is filled with those that nothing else excuses. */
type Excuses = { rows: Rows; inFlight: InFlight; mayBeLate: ReadonlySet<SeenRequest>; late: Set<SeenRequest> };

/** All that is sent to one endpoint in one line of it. */
export function checkByHalts({ sent, matched, isRestored }: Told, halts: Halts, verdict: Verdict, say: Say): void {
  const rows: Rows = matched?.rows ?? new Map();
  const inFlight = findInFlight(sent, rows, halts);
  const excuses = { rows, inFlight, mayBeLate: findLate(sent, halts), late: new Set<SeenRequest>() };
  verdict.repeats += checkRepeats(sent, excuses, say);
  checkOverlaps(sent, excuses, say);
  if (matched) checkFurther(matched, excuses, isRestored, say);
  if (matched) checkUnrecorded(sent, excuses, say);
  verdict.inFlightAtHalts += countInFlight(inFlight, rows, say);
  verdict.late += excuses.late.size;
}

/** The halts at which each request had been sent, and no row told of it; none after one that made its process forget it. */
function findInFlight(sent: readonly SeenRequest[], rows: Rows, halts: Halts): InFlight {
  const found = new Map<SeenRequest, Halt[]>();
  for (const request of sent) {
    const recordedAt = rows.get(request)?.recordedAt ?? Infinity;
    const its = (halts.get(request.sender ?? '') ?? []).filter(({ endpoint, at, goesOnAt }) => {
      if (endpoint !== undefined && endpoint !== request.endpoint) return false;
      // What was written before a kill may be read after it.
      return (request.sentAt ?? request.begunAt) <= (goesOnAt ?? Infinity) && recordedAt > at;
    });
    const forgottenAt = Math.min(...its.filter(forgets).map(({ at }) => at));
    if (its.length > 0)
      found.set(
        request,
        its.filter(({ at }) => at <= forgottenAt),
      );
  }
  return found;
}

function countInFlight(inFlight: InFlight, rows: Rows, say: Say): number {
  const requests = new Map<Halt, SeenRequest[]>();
  for (const [request, halts] of inFlight) {
    // A database that was put back has lost as much as it has lost.
    if (halts.some(({ how }) => how === 'lost rows')) continue;
    for (const halt of halts) requests.set(halt, [...(requests.get(halt) ?? []), request]);
  }
  let all = 0;
  for (const [{ how, sender }, its] of requests) {
    all += its.length;
    const most = mostAtOnce(its, rows);
    if (most > mostInFlight) say('unrecorded', `${most} requests of ${sender} were in flight (${how})`);
  }
  return all;
}

/** A halt can take a while in which rows are written and further requests begin. */
function mostAtOnce(requests: readonly SeenRequest[], rows: Rows): number {
  const steps = requests.flatMap((request) => [
    { at: request.sentAt ?? request.begunAt, change: 1 },
    { at: rows.get(request)?.recordedAt ?? Infinity, change: -1 },
  ]);
  let open = 0;
  let most = 0;
  for (const { change } of steps.toSorted((one, other) => one.at - other.at || one.change - other.change)) {
    open += change;
    most = Math.max(most, open);
  }
  return most;
}

/**
 * A stopped process that goes on may have one request on the wire, which it began before it could know better: of an
 * event that its successor has sent meanwhile.
 */
function findLate(sent: readonly SeenRequest[], halts: Halts): ReadonlySet<SeenRequest> {
  const late = new Set<SeenRequest>();
  const lastSenders = new Map<string, string | null>();
  const spent = new Set<Halt>();
  for (const request of sent) {
    if (request.isLate) late.add(request);
    const earlier = lastSenders.get(request.eventId);
    lastSenders.set(request.eventId, request.sender);
    const halt = (halts.get(request.sender ?? '') ?? []).findLast(
      ({ how, goesOnAt }) => how === 'stopped' && goesOnAt! <= request.begunAt,
    );
    if (!halt || spent.has(halt)) continue;
    spent.add(halt);
    if (earlier !== undefined && earlier !== request.sender) late.add(request);
  }
  return late;
}

function isLate(request: SeenRequest, { mayBeLate, late }: Excuses): boolean {
  if (mayBeLate.has(request)) late.add(request);
  return late.has(request);
}

/** Whether the process goes on without what it had not recorded; any other records it, if it is not killed. */
function forgets({ how }: Halt): boolean {
  return how === 'killed' || how === 'lost a thread' || how === 'lost rows';
}

/** Whether the process of `before` was halted with it in flight, so that whoever sent `request` could not know of it. */
function wasHalted(before: SeenRequest, request: SeenRequest, { inFlight }: Excuses): boolean {
  return (inFlight.get(before) ?? []).some(
    (halt) => halt.at <= request.begunAt && (forgets(halt) || request.sender !== before.sender),
  );
}

/** What was accepted comes again only if no row could tell of it; returns how often it did and was accepted. */
function checkRepeats(sent: readonly SeenRequest[], excuses: Excuses, say: Say): number {
  let repeats = 0;
  for (const requests of Map.groupBy(sent, ({ eventId }) => eventId).values()) {
    for (const [index, request] of requests.entries()) {
      const earlier = requests.slice(0, index);
      const accepted = earlier.filter(isAccepted);
      if (accepted.length > 0 && isAccepted(request)) repeats += 1;
      const isExcused = accepted.every(
        (before) => isUnheard(before, excuses) || wasHalted(before, request, excuses) || before.isLate === true,
      );
      if (!isExcused && !isLate(request, excuses)) say('duplicated', `${request.position} is duplicated`);
      const refused = earlier.filter((before) => !isAccepted(before));
      if (!excuses.rows.has(request) || refused.every((before) => mayFollow(before, request, excuses))) continue;
      if (!isLate(request, excuses)) say('wrongly recorded', `${attemptOf(request)} is recorded again`);
    }
  }
  return repeats;
}

/** Whether the answer did not reach its process within the time-out. */
function isUnheard(request: SeenRequest, { rows }: Excuses): boolean {
  const row = rows.get(request);
  return row !== undefined && row.status !== 'delivered' && !row.answered;
}

/** Whether it is another attempt than one that is recorded, or its sender could not know of that. */
function mayFollow(before: SeenRequest, request: SeenRequest, excuses: Excuses): boolean {
  const isSame = attemptOf(before) === attemptOf(request) && excuses.rows.has(before);
  return !isSame || wasHalted(before, request, excuses);
}

/** One request at a time, but for one that a stopped process has left open. */
function checkOverlaps(sent: readonly SeenRequest[], excuses: Excuses, say: Say): void {
  let open: SeenRequest | null = null;
  for (const request of sent) {
    if (open && request.begunAt < endOf(open)) {
      const isExcused = open.isLate === true || wasHalted(open, request, excuses) || isLate(request, excuses);
      if (!isExcused) say('overlapping', `${request.position} overlaps ${open.position}`);
    }
    if (!open || endOf(request) > endOf(open)) open = request;
  }
}

function checkFurther({ further }: Matched, excuses: Excuses, isRestored: boolean, say: Say): void {
  for (const { row, made } of further) {
    const name = attemptOf(row);
    // The row of a thread that ended may be written after all, beside the one that says so.
    const isOfThread = (request: SeenRequest) =>
      (excuses.inFlight.get(request) ?? []).some(({ how }) => how === 'lost a thread');
    if (made.some(isOfThread)) continue;
    // That of a thread that died before a restore, and sent nothing, beside the attempt that was made after it.
    if (isRestored && !row.answered) continue;
    if (made.length > 0) say('wrongly recorded', `${name} is recorded again`);
    // A request that got lost on its way may well be recorded as a failure.
    else if (row.answered) say('wrongly recorded', `${name} is recorded and was not received`);
  }
}

function checkUnrecorded(sent: readonly SeenRequest[], { rows, inFlight }: Excuses, say: Say): void {
  for (const request of sent) {
    if (rows.has(request) || (inFlight.get(request) ?? []).some(forgets)) continue;
    say('unrecorded', `${attemptOf(request)} is unrecorded`);
  }
}
