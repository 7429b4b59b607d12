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
function checkSettled({ postgres: { tables }, history, endpoints }: World): void {
  for (const endpoint of endpoints) {
    const { generation } = tables.cursors.get(endpoint.id)!;
    const begin = history.lineBegins.get(`${endpoint.id} ${generation}`);
    if (begin === undefined) throw new Violation(`${endpoint.id} has an unknown generation ${generation}`);
    const rows = tables.rows.filter(
      (row) => row.endpoint === endpoint.id && row.generation === generation && row.origin === 'line',
    );
    for (let position = begin + 1; position <= tables.head; position += 1) {
      const entry = tables.log[position];
      if (!entry || entry.addressedTo !== null) continue;
      const always = isAlwaysFor(tables, endpoint.id, entry);
      const here = rows.filter((row) => row.position === position && row.status !== 'retrying');
      const final = here.filter(({ eventId }) => eventId === entry.id);
      const isRestored = history.restoredAt.length > 0;
      const isForgotten = isRestored && history.answered.has(`${endpoint.id} ${entry.id}`);
      if (always && final.length === 0 && !isForgotten) throw new Violation(`${position} is lost for ${endpoint.id}`);
      // Rows of events that were lost stay.
      if (final.length < here.length && !isRestored) {
        throw new Violation(`${position} is settled for ${endpoint.id} by another event`);
      }
      checkRepeats(final, history.excuses, history.restoredAt.length > 0);
    }
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
  const failed = tables.rows.find(({ status, attempt }) => status === 'failed' && attempt !== 3);
  if (failed)
    throw new Violation(`${failed.position} failed for good after attempt ${failed.attempt} at ${failed.endpoint}`);
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
