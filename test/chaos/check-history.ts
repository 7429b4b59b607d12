// Judges a chaos run by what was seen from outside: the log and the rows as stored, the receiver's journal, and the faults.

import {
  type StoredEvent,
  type Wrong,
  type WrongKind,
  checkContent,
  checkLine,
  isAccepted,
} from '../support/line-check.ts';
import type { JournalEntry } from '../support/receiver/journal.ts';
import { isSteady } from './behaviours.ts';

type ReceivedRequest = Omit<JournalEntry, 'number' | 'signedWith'>;

export type RecordedAttempt = {
  eventId: string;
  endpoint: string;
  attempt: number;
  status: string;
  /** Whether an answer had come. */
  answered: boolean;
  /** In monotonic milliseconds, like all times here. */
  recordedAt: number;
};

/** What keeps a process from recording what it has sent, until it goes on. */
export type Halt = {
  how: 'killed' | 'stopped' | 'lost Postgres' | 'lost a thread';
  sender: string;
  at: number;
  /** Null for never. */
  goesOnAt: number | null;
};

export type ChaosHistory = {
  /** The whole log, in the order of its positions. */
  events: readonly StoredEvent[];
  /** They take every event, since before the first one. */
  endpoints: readonly string[];
  /** In the order in which they were whole. */
  requests: readonly ReceivedRequest[];
  attempts: readonly RecordedAttempt[];
  /** When each event was first known to be there. */
  knownAt: ReadonlyMap<string, number>;
  /** Ids of events whose publication was acknowledged. */
  acknowledged: readonly string[];
  halts: readonly Halt[];
};

export type Verdict = {
  wrongs: string[];
  counts: Record<WrongKind, number>;
  /** Accepted requests for what the endpoint had accepted before, explained or not. */
  repeats: number;
  /** Requests that were sent and not recorded at a halt of their process. */
  inFlightAtHalts: number;
  /** Of stopped processes: requests that came after their successor's. */
  late: number;
  /** The longest time in which an endpoint that answers at once had an event and got none; it ended `at`. */
  longestStall: { ms: number; endpoint: string; position: number; at: number };
};

type Told = ReceivedRequest & { row: RecordedAttempt | null };
type Say = (wrong: Wrong) => void;

/** Sent and not recorded yet: 16 answers, and the request on the wire. */
const mostInFlight = 17;

/** O(n log n) in requests and rows. Each violation is one sentence; `counts` has them by kind. */
export function checkChaos(history: ChaosHistory): Verdict {
  const { events, endpoints, acknowledged } = history;
  const log = new Map(events.map((event) => [event.id, event]));
  const halts = Map.groupBy(history.halts, ({ sender }) => sender);
  const requests = Map.groupBy(history.requests, ({ endpoint }) => endpoint);
  const attempts = Map.groupBy(history.attempts, ({ endpoint }) => endpoint);
  const wrongs: string[] = [];
  const counts = {} as Record<WrongKind, number>;
  const verdict = { wrongs, counts, repeats: 0, inFlightAtHalts: 0, late: 0 };
  const longestStall = { ms: 0, endpoint: '', position: 0, at: 0 };
  const sayOf =
    (whom: string): Say =>
    ({ kind, says }) => {
      counts[kind] = (counts[kind] ?? 0) + 1;
      wrongs.push(`${kind}: ${whom}: ${says}`);
    };

  const sayOfLog = sayOf('the log');
  events.forEach(({ id, position }, index) => {
    if (position !== index + 1) sayOfLog({ kind: 'lost', says: `a gap at ${id}` });
  });
  for (const id of acknowledged) {
    if (!log.has(id)) sayOfLog({ kind: 'lost', says: `${id} was acknowledged and is not there` });
  }
  for (const endpoint of requests.keys()) {
    if (!endpoints.includes(endpoint)) sayOf(endpoint)({ kind: 'phantom', says: 'there is no such endpoint' });
  }

  for (const endpoint of endpoints) {
    const say = sayOf(endpoint);
    const sent = requests.get(endpoint) ?? [];
    const recorded = attempts.get(endpoint) ?? [];
    for (const request of sent) checkContent(request, log.get(request.eventId)).forEach(say);
    const told = matchRows(sent, recorded, say);
    const inFlight = findInFlight(told, halts);
    const excuses = { inFlight, mayBeLate: findLate(told, halts), late: new Set<Told>() };
    checkLine(events, sent, recorded).forEach(say);
    verdict.repeats += checkRepeats(told, excuses, say);
    checkOverlaps(told, excuses, say);
    checkUnrecorded(told, inFlight, say);
    for (const [{ sender, how }, halted] of inFlight) {
      verdict.inFlightAtHalts += halted.size;
      if (halted.size <= mostInFlight) continue;
      say({ kind: 'unrecorded', says: `${halted.size} requests of ${sender} were in flight (${how})` });
    }
    verdict.late += excuses.late.size;
    const stall = isSteady(endpoint) ? longestWait(events, sent, history.knownAt) : null;
    if (stall && stall.ms > longestStall.ms) Object.assign(longestStall, stall, { endpoint });
  }
  return { ...verdict, longestStall };
}

/**
 * Gives each request its row. Of several requests for one attempt a row belongs to the last one that had begun when it
 * was recorded, and a further row, which a stopped process wrote late, to the one before.
 */
function matchRows(sent: readonly ReceivedRequest[], recorded: readonly RecordedAttempt[], say: Say): Told[] {
  const told: Told[] = sent.map((request) => ({ ...request, row: null }));
  const named = Map.groupBy(told, nameOf);
  for (const row of recorded.toSorted((one, other) => one.recordedAt - other.recordedAt)) {
    const name = nameOf(row);
    const all = named.get(name) ?? [];
    const free = all.filter((request) => request.row === null);
    const request = free.findLast(({ begunAt }) => begunAt <= row.recordedAt) ?? free[0];
    if (request) request.row = row;
    else if (all.length > 0) say({ kind: 'wrongly recorded', says: `${name} is recorded again` });
    // A request that got lost on its way may well be recorded as a failure.
    else if (row.answered) say({ kind: 'wrongly recorded', says: `${name} is recorded and was not received` });
    if (row.status === 'delivered' && all.length > 0 && !all.some(isAccepted)) {
      say({ kind: 'wrongly recorded', says: `${name} is delivered and was not accepted` });
    }
  }
  return told;
}

type InFlight = ReadonlyMap<Halt, ReadonlySet<Told>>;
type Halts = ReadonlyMap<string, readonly Halt[]>;

/** At each halt: what its process had sent, and no row told of. */
function findInFlight(told: readonly Told[], halts: Halts): InFlight {
  const found = new Map<Halt, Set<Told>>();
  for (const request of told) {
    for (const halt of halts.get(request.sender ?? '') ?? []) {
      // What was written before a kill may be read after it.
      if (request.begunAt > (halt.goesOnAt ?? Infinity)) continue;
      if (request.row !== null && request.row.recordedAt <= halt.at) continue;
      found.set(halt, (found.get(halt) ?? new Set()).add(request));
    }
  }
  return found;
}

/**
 * A stopped process that goes on may have one request on the wire, which it began before it could know better: of an
 * event that its successor has sent meanwhile.
 */
function findLate(told: readonly Told[], halts: Halts): ReadonlySet<Told> {
  const late = new Set<Told>();
  const lastSenders = new Map<string, string | null>();
  const spent = new Set<Halt>();
  for (const request of told) {
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

/** `late` is filled with those that nothing else excuses. */
type Excuses = { inFlight: InFlight; mayBeLate: ReadonlySet<Told>; late: Set<Told> };

function isLate(request: Told, { mayBeLate, late }: Excuses): boolean {
  if (mayBeLate.has(request)) late.add(request);
  return late.has(request);
}

/** Whether the process of `request` was halted, with the request in flight, before `at`. */
function wasHalted(request: Told, { inFlight }: Excuses, at: number): boolean {
  return [...inFlight].some(([halt, requests]) => halt.at <= at && requests.has(request));
}

/** What was accepted comes again only if no row could tell of it; returns how often it did and was accepted. */
function checkRepeats(told: readonly Told[], excuses: Excuses, say: Say): number {
  let repeats = 0;
  for (const requests of Map.groupBy(told, ({ eventId }) => eventId).values()) {
    const accepted: Told[] = [];
    for (const request of requests) {
      if (accepted.length > 0 && isAccepted(request)) repeats += 1;
      const isExcused = accepted.every((before) => {
        // The answer did not reach its process within the time-out.
        const isUnheard = before.row !== null && before.row.status !== 'delivered' && !before.row.answered;
        return isUnheard || wasHalted(before, excuses, request.begunAt);
      });
      if (!isExcused && !isLate(request, excuses)) {
        say({ kind: 'duplicated', says: `${request.position} is duplicated` });
      }
      if (isAccepted(request)) accepted.push(request);
    }
  }
  return repeats;
}

/** One request at a time, but for one that a stopped process has left open. */
function checkOverlaps(told: readonly Told[], excuses: Excuses, say: Say): void {
  let open: Told | null = null;
  for (const request of told) {
    if (open && request.begunAt < endOf(open)) {
      const isExcused = wasHalted(open, excuses, request.begunAt) || isLate(request, excuses);
      if (!isExcused) say({ kind: 'overlapping', says: `${request.position} overlaps ${open.position}` });
    }
    if (!open || endOf(request) > endOf(open)) open = request;
  }
}

/** One that is open to the last ends after all others. */
function endOf({ endedAt }: Told): number {
  return endedAt ?? Infinity;
}

function checkUnrecorded(told: readonly Told[], inFlight: InFlight, say: Say): void {
  const excused = new Set<Told>();
  // One that was stopped or lost Postgres goes on to record what it has sent, if it is not killed.
  const forgets = ({ how }: Halt) => how === 'killed' || how === 'lost a thread';
  for (const [halt, requests] of inFlight) if (forgets(halt)) for (const one of requests) excused.add(one);
  for (const request of told) {
    if (request.row === null && !excused.has(request)) {
      say({ kind: 'unrecorded', says: `${nameOf(request)} is unrecorded` });
    }
  }
}

/** The longest wait for the next event, from the settling of the one before it or from when it was there. */
function longestWait(
  events: readonly StoredEvent[],
  sent: readonly ReceivedRequest[],
  knownAt: ReadonlyMap<string, number>,
): { ms: number; position: number; at: number } {
  const acceptedAt = new Map<string, number>();
  for (const request of sent) {
    if (isAccepted(request) && !acceptedAt.has(request.eventId)) acceptedAt.set(request.eventId, request.begunAt);
  }
  const longest = { ms: 0, position: 0, at: 0 };
  let before = -Infinity;
  for (const { id, position } of events) {
    const at = acceptedAt.get(id);
    if (at === undefined) continue;
    const ms = at - Math.max(before, knownAt.get(id) ?? at);
    if (ms > longest.ms) Object.assign(longest, { ms, position, at });
    before = Math.max(before, at);
  }
  return longest;
}

function nameOf({ eventId, attempt }: { eventId: string; attempt: number }): string {
  return `${eventId}, attempt ${attempt},`;
}
