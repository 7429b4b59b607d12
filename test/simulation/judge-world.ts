// Tells the judge what was seen of a simulated world from outside, once everything is over.

import type { Halt, History, Line, LoggedEvent, RecordedAttempt, SeenRequest } from '../support/judge/history.ts';
import { judge } from '../support/judge/judge.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import { Violation } from './violation.ts';
import { isAlwaysFor, isEverFor } from './wanted.ts';
import type { World } from './world.ts';

/** As many as the endpoints of every world allow. */
const mostAttempts = 3;

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
function linesOf({ postgres: { tables }, history, endpoints }: World): Line[] {
  const lines = new Map<string, Line>();
  const present = new Set(endpoints.map(({ id }) => `${id} ${tables.cursors.get(id)!.generation}`));
  for (const [name, begin] of history.lineBegins) {
    const [endpoint = '', generation] = name.split(' ');
    const line = nameOf({ generation: Number(generation), item: null });
    const later = tables.log.filter((entry) => entry && entry.addressedTo === null && entry.position > begin);
    const events = later.filter((entry) => isAlwaysFor(tables, endpoint, entry!)).map((entry) => toEvent(entry!));
    const others = new Set(later.filter((entry) => isEverFor(tables, endpoint, entry!)).map((entry) => entry!.id));
    const rest = { mayTake: (id: string) => others.has(id), before: null, mostAttempts };
    lines.set(`${endpoint} ${line}`, { endpoint, line, events, isWhole: present.has(name), ...rest });
  }
  for (const { endpoint, eventId, generation, item } of history.requests) {
    const line = nameOf({ generation, item });
    if (lines.has(`${endpoint} ${line}`)) continue;
    const entry = item === null ? undefined : tables.log.find((other) => other?.id === eventId);
    const events = entry ? [toEvent(entry)] : [];
    lines.set(`${endpoint} ${line}`, { endpoint, line, events, before: null, isWhole: false, mostAttempts });
  }
  return [...lines.values()];
}

/** One that got lost on its way is as good as one that nobody answered. */
function requestsOf({ history }: World): SeenRequest[] {
  const lastRestore = history.restoredAt.at(-1) ?? -1;
  const requests = history.requests.map((request): SeenRequest => {
    const { endpoint, eventId, position, previous, attempt, sentAt, arrivedAt, accepted, endsAt } = request;
    return {
      ...{ endpoint, line: nameOf(request), eventId, position, previous, attempt, run: runOf(request) },
      ...{ bodySha: '', signed: true, sender: request.by },
      ...{ sentAt, begunAt: arrivedAt ?? sentAt, endedAt: endsAt, status: accepted ? 204 : null },
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
