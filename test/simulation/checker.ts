// Judges a simulated world by what happened in it, once everything is over: nothing lost, nothing false, all recorded.

import type { History } from './history.ts';
import type { Row } from './tables.ts';
import { isAlwaysFor } from './wanted.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Throws a Violation for the first thing that must not be. */
export function checkHistory(world: World): void {
  checkLog(world);
  checkSettled(world);
  checkReplays(world);
  checkRecords(world);
  checkOrder(world);
}

/** Positions have no gaps but those that are recorded, and follow the causes: what was committed before is before. */
function checkLog({ postgres: { tables }, history }: World): void {
  const places = new Map<string, number>();
  for (let position = 1; position <= tables.head; position += 1) {
    const entry = tables.log[position];
    const isGap = tables.gaps.some(({ first, last }) => first <= position && position <= last);
    if (entry ? isGap : !isGap)
      throw new Violation(`the log has ${entry ? 'an event in a gap' : 'no event'} at ${position}`);
    if (entry && places.has(entry.id)) throw new Violation(`${entry.id} has two positions`);
    if (entry) places.set(entry.id, position);
  }
  checkCauses(history, places);
  if (history.restoredAt.length > 0) return;
  for (const id of history.acknowledged.keys())
    if (!places.has(id)) throw new Violation(`${id} was acknowledged and is not in the log`);
}

function checkCauses(history: History, places: ReadonlyMap<string, number>): void {
  for (const [id, acknowledgedAt] of history.acknowledged) {
    const place = places.get(id);
    if (place === undefined) continue;
    for (const [other, otherPlace] of places) {
      if (otherPlace < place && history.askedAt.get(other)! > acknowledgedAt) {
        throw new Violation(`${other} comes before ${id}, which was there before it`);
      }
    }
  }
}

/** Of each endpoint's present line, every event that it wants is settled, and once only but for what excuses it. */
function checkSettled(world: World): void {
  const isRestored = world.history.restoredAt.length > 0;
  for (const { endpoint, entry, rows, isSettled } of linePlaces(world)) {
    if (!isSettled) throw new Violation(`${entry.position} is lost for ${endpoint}`);
    const final = rows.filter(({ eventId }) => eventId === entry.id);
    // Rows of events that were lost stay.
    if (final.length < rows.length && !isRestored) {
      throw new Violation(`${entry.position} is settled for ${endpoint} by another event`);
    }
    checkRepeats(final, world.history.excuses, isRestored);
  }
}

/** Whether every event of the log is settled for every endpoint that wants it. */
export function allIsSettled(world: World): boolean {
  for (const { isSettled } of linePlaces(world)) if (!isSettled) return false;
  return true;
}

/** Each event in each endpoint's present line, with the rows that settle its place. */
function* linePlaces({ postgres: { tables }, history, endpoints }: World) {
  for (const { id: endpoint } of endpoints) {
    const { generation } = tables.cursors.get(endpoint)!;
    const begin = history.lineBegins.get(`${endpoint} ${generation}`);
    if (begin === undefined) throw new Violation(`${endpoint} has an unknown generation ${generation}`);
    const line = tables.rows.filter(
      (row) => row.endpoint === endpoint && row.generation === generation && row.origin === 'line',
    );
    for (let position = begin + 1; position <= tables.head; position += 1) {
      const entry = tables.log[position];
      if (!entry || entry.addressedTo !== null) continue;
      const rows = line.filter((row) => row.position === position && row.status !== 'retrying');
      // What was answered before a restore may be recorded nowhere.
      const isForgotten = history.restoredAt.length > 0 && history.answered.has(`${endpoint} ${entry.id}`);
      const isSettled =
        isForgotten || !isAlwaysFor(tables, endpoint, entry) || rows.some(({ eventId }) => eventId === entry.id);
      yield { endpoint, entry, rows, isSettled };
    }
  }
}

/** A test or a replay, too, is settled once, but for what excuses more. */
function checkReplays({ postgres: { tables }, history }: World): void {
  const settled = tables.rows.filter(({ item, status }) => item !== null && status !== 'retrying');
  for (const rows of Map.groupBy(settled, ({ item }) => item).values()) {
    checkRepeats(rows, history.excuses, history.restoredAt.length > 0);
  }
}

/** The same run of a process settles nothing twice, but for a thread of it that died. */
function checkRepeats(final: readonly Row[], excuses: ReadonlySet<string>, isRestored: boolean): void {
  const [first, second] = final;
  if (!first || !second || isRestored) return;
  if (first.by === second.by && !excuses.has(`${first.by} ${first.endpoint}`)) {
    throw new Violation(`${first.by} settled ${first.position} for ${first.endpoint} twice`);
  }
}

/** Each request has its row, but for those of processes and threads that died; each row tells the truth. */
function checkRecords({ postgres: { tables }, history }: World): void {
  const rows = new Map(tables.rows.map((row) => [row.id, row]));
  const lastRestore = history.restoredAt.at(-1) ?? -1;
  for (const request of history.requests) {
    const row = rows.get(request.row);
    const name = `attempt ${request.attempt} of ${request.position} to ${request.endpoint} by ${request.by}`;
    if (!row) {
      const isExcused = history.excuses.has(request.by) || history.excuses.has(`${request.by} ${request.endpoint}`);
      if (!isExcused && request.sentAt > lastRestore) throw new Violation(`${name} has no row`);
      continue;
    }
    if (row.status === 'delivered' && !request.accepted)
      throw new Violation(`${name} is recorded as delivered and was not`);
    if (row.attempt !== request.attempt || row.eventId !== request.eventId)
      throw new Violation(`${name} is recorded wrongly`);
  }
  // What was lost may be made again.
  if (lastRestore < 0) checkNumbers(tables.rows, history.excuses);
  const failed = tables.rows.find(({ status, attempt }) => status === 'failed' && attempt !== 3);
  if (failed)
    throw new Violation(`${failed.position} failed for good after attempt ${failed.attempt} at ${failed.endpoint}`);
}

/** No run of a process makes the same attempt of an event twice, unless a thread died whose row was written after all. */
function checkNumbers(rows: readonly Row[], excuses: ReadonlySet<string>): void {
  const seen = new Set<string>();
  for (const { endpoint, eventId, generation, resumes, item, attempt, by } of rows) {
    const name = `attempt ${attempt} of ${eventId} at ${endpoint} by ${by}`;
    const key = `${name}, ${generation}, ${resumes}, ${item}`;
    if (seen.has(key) && !excuses.has(`${by} ${endpoint}`)) throw new Violation(`${name} is recorded twice`);
    seen.add(key);
  }
}

/** First arrivals come in the order of the log, in each generation of a line; a zombie's are nobody's promise. */
function checkOrder({ postgres: { tables }, history }: World): void {
  // Generations may be given again.
  if (history.restoredAt.length > 0) return;
  const seen = new Map<string, Set<string>>();
  const farthest = new Map<string, number>();
  const arrived = history.requests.filter(
    ({ arrivedAt, isZombie, item }) => arrivedAt !== null && !isZombie && item === null,
  );
  for (const { endpoint, generation, position, eventId } of arrived.toSorted(
    (one, other) => one.arrivedAt! - other.arrivedAt!,
  )) {
    const line = `${endpoint} ${generation}`;
    const entry = tables.log[position];
    if (!entry || !isAlwaysFor(tables, endpoint, entry)) continue;
    const before = seen.get(line) ?? new Set();
    seen.set(line, before);
    if (!before.has(eventId) && position < (farthest.get(line) ?? 0)) {
      throw new Violation(`${position} arrives at ${endpoint} after ${farthest.get(line)}`);
    }
    before.add(eventId);
    farthest.set(line, Math.max(farthest.get(line) ?? 0, position));
  }
}
