// Judges what happened by what was seen from outside: the log and the rows as they are stored, and a receiver's journal.

import { createHash } from 'node:crypto';
import type { JournalEntry } from './journal-receiver.ts';

export type StoredEvent = { id: string; position: number; type: string; payload: string };
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
  ];
  for (const [endpoint, wants] of Object.entries(endpoints)) {
    const line = events.filter(({ type }) => wants(type));
    const sent = requests.filter((request) => request.endpoint === endpoint);
    const recorded = history.attempts.filter((attempt) => attempt.endpoint === endpoint);
    const about = [...checkLine(line, sent, recorded), ...checkRepeats(sent, history.crashes)];
    about.push(...checkRecords(sent, recorded, history.crashes));
    wrongs.push(...about.map((wrong) => `${endpoint}: ${wrong}`));
  }
  return wrongs;
}

function checkRequest(request: JournalEntry, event: StoredEvent | undefined): string[] {
  const name = `${request.endpoint}: ${request.position}`;
  if (!event) return [`${name} carries ${request.eventId}, which is not in the log`];
  const wrongs: string[] = [];
  if (request.position !== event.position) wrongs.push(`${name} names a wrong position, of ${event.position}`);
  if (request.signedWith === null) wrongs.push(`${name} is wrongly signed`);
  if (request.open !== 1) wrongs.push(`${name} overlaps another request`);
  if (request.bodySha !== createHash('sha256').update(event.payload).digest('hex')) {
    wrongs.push(`${name} has another body than its event`);
  }
  return wrongs;
}

/** Every event arrives, none before those in front of it are settled, each with the place of the one before it. */
function checkLine(line: readonly StoredEvent[], sent: readonly JournalEntry[], recorded: readonly StoredAttempt[]) {
  const wrongs: string[] = [];
  const places = new Map(line.map(({ id }, index) => [id, index]));
  const failed = recorded.filter(({ status }) => status === 'failed');
  const lastAttempts = new Map(failed.map(({ eventId, attempt }) => [eventId, attempt]));
  const settled = new Set<number>();
  let settledUpTo = 0;
  for (const request of sent) {
    const { eventId, position, previous, attempt } = request;
    const place = places.get(eventId);
    if (place === undefined) {
      wrongs.push(`${position} was not for it`);
      continue;
    }
    if (previous !== (place === 0 ? 0 : line[place - 1]!.position)) {
      wrongs.push(`${position} says that ${previous} was before it`);
    }
    if (place > settledUpTo) wrongs.push(`${position} is out of order: ${line[settledUpTo]!.position} was not settled`);
    if (isAccepted(request) || lastAttempts.get(eventId) === attempt) settled.add(place);
    while (settled.has(settledUpTo)) settledUpTo += 1;
  }
  line.forEach(({ position }, place) => {
    if (!settled.has(place)) wrongs.push(`${position} was lost`);
  });
  return wrongs;
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

function isAccepted({ status }: JournalEntry): boolean {
  return status !== null && status >= 200 && status <= 299;
}
