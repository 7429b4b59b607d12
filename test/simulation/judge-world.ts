// Tells the judge what was seen of a simulated world from outside, once everything is over.

import {
  type Halt,
  type History,
  type Line,
  type LoggedEvent,
  type RecordedAttempt,
  type SeenRequest,
} from '../support/judge/history.ts';
import { judge } from '../support/judge/judge.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import { Violation } from './violation.ts';
import { isAlwaysFor, isEverFor } from './wanted.ts';
import { type World, mostAttemptsAt } from './world.ts';

/** Throws a Violation for the first thing that must not be. */
export function judgeWorld(world: World): void {
  const [wrong] = judge(seenFromOutside(world)).wrongs;
  if (wrong !== undefined) throw new Violation(wrong);
}

function seenFromOutside(world: World): History {
  const { postgres, history } = world;
  const { log, gaps } = postgres.tables;
  const isRestored = history.restoredAt.length > 0;
  return {
    events: log.flatMap((entry) => (entry ? [toEvent(entry)] : [])),
    gaps,
    lines: linesOf(world),
    requests: requestsOf(world),
    attempts: attemptsOf(world),
    // A database that was put back may have lost some.
    acknowledged: isRestored ? new Map() : history.acknowledged,
    askedAt: history.askedAt,
    causes: { halts: [...history.halts, ...lostRows(world)] },
  };
}

/** Every generation of each endpoint, of which the present one must be whole; and every test and replay. */
function linesOf({ postgres: { tables }, history, endpoints, onExhausted }: World): Line[] {
  const log = tables.log.filter((entry) => entry !== undefined);
  const present = new Set(endpoints.map(({ id }) => `${id} ${tables.cursors.get(id)!.generation}`));
  const lines = [...history.lineBegins].map(([name, { position: begin, at: begunAt }]): Line => {
    const [endpoint = '', generation] = name.split(' ');
    const isOfLine = ({ addressedTo, position }: LogEntry) => addressedTo === null && position > begin;
    const events = log.filter((entry) => isOfLine(entry) && isAlwaysFor(tables, endpoint, entry)).map(toEvent);
    const mayTake = (id: string) =>
      log.some((one) => one.id === id && isOfLine(one) && isEverFor(tables, endpoint, one));
    const line = nameOf({ generation: Number(generation), item: null });
    const isWhole = present.has(name);
    // Where the line is held, the last attempt settles nothing.
    const most = onExhausted(endpoint) === 'hold' ? {} : { mostAttempts: mostAttemptsAt(endpoint) };
    return { endpoint, line, begunAt, events, mayTake, isWhole, before: null, ...most };
  });
  const items = new Set<string>();
  for (const { endpoint, eventId, item } of history.requests) {
    if (item === null || items.has(item)) continue;
    items.add(item);
    const events = log.filter(({ id }) => id === eventId).map(toEvent);
    lines.push({ endpoint, line: item, events, before: null, isWhole: false, mostAttempts: mostAttemptsAt(endpoint) });
  }
  return lines;
}

/** One that got lost on its way is as good as one that nobody answered. */
function requestsOf({ history }: World): SeenRequest[] {
  const lastRestore = history.restoredAt.at(-1) ?? -1;
  const requests = history.requests.map((request): SeenRequest => {
    const { endpoint, eventId, position, previous, attempt, sentAt, arrivedAt, accepted, afterMs } = request;
    return {
      ...{ endpoint, line: nameOf(request), eventId, position, previous, attempt, run: runOf(request) },
      ...{ bodySha: '', signed: true, sender: request.by },
      ...{ sentAt, begunAt: arrivedAt ?? sentAt, endedAt: sentAt + afterMs, status: accepted ? 204 : null },
      isLate: request.isZombie || request.isOfOldHistory || sentAt <= lastRestore,
    };
  });
  return requests.toSorted((one, other) => one.begunAt - other.begunAt);
}

function attemptsOf({ postgres: { tables }, history }: World): RecordedAttempt[] {
  const answered = new Set(history.requests.filter((request) => request.answered).map(({ row }) => row));
  return tables.rows.map((row) => {
    const { id, endpoint, eventId, position, attempt, status } = row;
    return {
      ...{ endpoint, line: nameOf(row), eventId, position, attempt, run: runOf(row), status },
      ...{ answered: answered.has(id), recordedAt: history.durableAt.get(id) ?? -1 },
      ...(history.orders.has(row.by) ? { isSkip: true } : {}),
    };
  });
}

/** A restore takes rows from everybody. */
function lostRows({ history }: World): Halt[] {
  const senders = [...new Set(history.requests.map(({ by }) => by))];
  return history.restoredAt.flatMap((at) =>
    senders.map((sender) => ({ how: 'lost rows' as const, sender, at: 0, goesOnAt: at })),
  );
}

function nameOf({ generation, item }: { generation: number; item: string | null }): string {
  return item ?? `generation ${generation}`;
}

/** Attempts count anew with every resume. */
function runOf({ by, resumes }: { by: string; resumes: number }): string {
  return `${by} after ${resumes} resumes`;
}

function toEvent({ id, position }: LogEntry): LoggedEvent {
  return { id, position, bodySha: '' };
}
