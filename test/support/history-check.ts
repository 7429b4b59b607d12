// Judges what happened by what was seen from outside: the log and the rows as they are stored, and a receiver's journal.

import { type StoredEvent, checkContent, checkLine, isAccepted } from './line-check.ts';
import type { JournalEntry } from './receiver/journal.ts';
import { overlapping } from './receiver/overlaps.ts';

export type StoredAttempt = { eventId: string; endpoint: string; attempt: number; status: string };

export type History = {
  /** The whole log, in the order of its positions. */
  events: readonly StoredEvent[];
  /** Its endpoints with their filters, all there since before the first event. */
  endpoints: Record<string, (type: string) => boolean>;
  requests: readonly JournalEntry[];
  /** In the order in which they were recorded. */
  attempts: readonly StoredAttempt[];
  /** Ids of events whose publication was acknowledged. */
  acknowledged: readonly string[];
  /** How often the service was killed. */
  crashes: number;
};

/** Requests that may be sent but not recorded yet: 16 answers, and the one on the wire. */
const mostInFlight = 17;

/**
 * One sentence for each thing that must not be. A request may be a repeat, or go unrecorded, only for a crash; each
 * crash may repeat what was in flight, in its old order.
 */
export function checkHistory(history: History): string[] {
  const { events, endpoints, requests, acknowledged } = history;
  const log = new Map(events.map((event) => [event.id, event]));
  const wrongs = [
    ...events.filter(({ position }, index) => position !== index + 1).map(({ id }) => `the log has a gap at ${id}`),
    ...acknowledged.filter((id) => !log.has(id)).map((id) => `${id} was acknowledged and is not in the log`),
    ...requests.filter(({ endpoint }) => !(endpoint in endpoints)).map(({ endpoint }) => `${endpoint} is nobody`),
    ...requests.flatMap((request) => checkRequest(request, log.get(request.eventId))),
    ...overlapping(requests).map(({ endpoint, position }) => `${endpoint}: ${position} overlaps another request`),
  ];
  for (const [endpoint, wants] of Object.entries(endpoints)) {
    const line = events.filter(({ type }) => wants(type));
    const sent = requests.filter((request) => request.endpoint === endpoint);
    const recorded = history.attempts.filter((attempt) => attempt.endpoint === endpoint);
    const about = checkLine(line, sent, recorded).map(({ says }) => says);
    about.push(...checkRepeats(sent, history.crashes));
    about.push(...checkRecords(sent, recorded, history.crashes));
    wrongs.push(...about.map((wrong) => `${endpoint}: ${wrong}`));
  }
  return wrongs;
}

function checkRequest(request: JournalEntry, event: StoredEvent | undefined): string[] {
  return checkContent(request, event).map(({ says }) => `${request.endpoint}: ${says}`);
}

/** An accepted event comes again only after a crash: not from farther back than what was in flight, and in order. */
function checkRepeats(sent: readonly JournalEntry[], crashes: number): string[] {
  const wrongs: string[] = [];
  const accepted: string[] = [];
  let runs = 0;
  let next = -1;
  for (const request of sent) {
    const place = accepted.lastIndexOf(request.eventId);
    if (place === -1) {
      if (isAccepted(request)) accepted.push(request.eventId);
      continue;
    }
    if (place !== next) {
      runs += 1;
      const back = accepted.length - place;
      if (runs > crashes) wrongs.push(`${request.position} is duplicated`);
      else if (back > mostInFlight) wrongs.push(`${request.position} is duplicated, ${back} accepted events back`);
    }
    next = isAccepted(request) ? place + 1 : place;
  }
  return wrongs;
}

/** One row for each request and one request for each row, but for requests that a crash kept from being recorded. */
function checkRecords(sent: readonly JournalEntry[], recorded: readonly StoredAttempt[], crashes: number): string[] {
  const requests = new Map<string, JournalEntry[]>();
  for (const request of sent) {
    const name = `${request.eventId}, attempt ${request.attempt},`;
    requests.set(name, [...(requests.get(name) ?? []), request]);
  }
  const rows = new Map<string, number>();
  const wrongs: string[] = [];
  for (const { eventId, attempt, status } of recorded) {
    const name = `${eventId}, attempt ${attempt},`;
    rows.set(name, (rows.get(name) ?? 0) + 1);
    const made = requests.get(name);
    if (!made) wrongs.push(`${name} is recorded and was not received`);
    else if (status === 'delivered' && !made.some(isAccepted)) wrongs.push(`${name} is delivered and was not accepted`);
    if (rows.get(name)! > 1) wrongs.push(`${name} is recorded again`);
  }
  const unrecorded = [...requests].flatMap(([name, made]) =>
    Array.from({ length: Math.max(0, made.length - (rows.get(name) ?? 0)) }, () => `${name} is unrecorded`),
  );
  return unrecorded.length > crashes * mostInFlight ? [...wrongs, ...unrecorded] : wrongs;
}
