// Moves an endpoint's cursor back, so that everything from there is sent again, and counts what that is.

import type { EntityManager } from '@mikro-orm/postgresql';
import { countAgain } from '../cursors/count-again.ts';
import { keepLog } from '../cursors/kept-place.ts';
import { boundPatterns, isFor, isOfEvent, isOfLine, isSettled, pastGapSql } from '../cursors/predicates.ts';
import { newGeneration } from '../model/webhook-cursor.ts';
import { Refusal } from '../policy/refusal.ts';
import { filterText, likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';

/** The first position to send again, or the time from which on events are sent again. */
export type RewindTo = { position: string; at?: never } | { at: Date; position?: never };

/** Where the line continues: everything up to `position` counts as settled; `previous` is the endpoint's last event there. */
export type RewindTarget = { position: number; previous: number; since: number };

/**
 * Finds where an endpoint is rewound to, and locks its cursor for the rest of the transaction, in which nothing of the log
 * is removed either.
 * Throws Refusal BAD_USER_INPUT for a position that is invalid, lies ahead, or is no longer kept, and CONFLICT for an
 * endpoint without a position.
 */
export async function findTarget(em: EntityManager, endpoint: Endpoint, to: RewindTo): Promise<RewindTarget> {
  const cursor = await readCursor(em, endpoint, 'for update');
  await keepLog(em);
  return await targetOf(em, endpoint, cursor, to);
}

/**
 * How many events a rewind would send again now: those between its target and what the endpoint has come to, by its
 * present filter; exact to 10,000 and never more. Locks nothing. Throws as `findTarget` does.
 */
export async function countRewind(em: EntityManager, endpoint: Endpoint, to: RewindTo): Promise<number> {
  const cursor = await readCursor(em, endpoint);
  const { position } = await targetOf(em, endpoint, cursor, to);
  return await countAgain(em, endpoint, { after: position, cursor: cursor.position });
}

type Place = { position: number; since: number };

async function readCursor(em: EntityManager, { id }: Endpoint, lock = ''): Promise<Place> {
  const [cursor] = await em.execute<{ position: number | null; since: number }[]>(
    `select position::float8 as position, since::float8 as since from webhook_cursors where endpoint_id = ? ${lock}`,
    [id],
  );
  if (typeof cursor?.position === 'number') return { position: cursor.position, since: cursor.since };
  throw new Refusal('CONFLICT', `${id} is disabled and has no position in the log: enable it in the file first.`);
}

async function targetOf(em: EntityManager, endpoint: Endpoint, cursor: Place, to: RewindTo): Promise<RewindTarget> {
  const { position, at } = to;
  const log = await readLog(em);
  const first = at ? await firstSince(em, log, at) : parsePosition(position);
  if (at && first > log.head) {
    throw new Refusal('BAD_USER_INPUT', 'to.at: no event is that late, and a rewind only goes back.', 'to.at');
  }
  const last = Math.max(0, first - 1);
  // NaN, which is no position, fails every comparison.
  if (!(last <= cursor.position)) {
    const present = await settledUpTo(em, endpoint, cursor.position, log.head);
    if (!(last <= present)) throw notBehind(endpoint, to, first, present);
  }
  const start = await pastGap(em, last);
  if (start < log.oldest - 1) throw notKept('position', log.oldest);
  const since = Math.min(cursor.since, last);
  return { position: start, previous: await previousMatch(em, endpoint, since, start), since };
}

/** Begins a new generation of the endpoint's line at the target. Run it in the transaction that found the target. */
export async function rewindCursor(em: EntityManager, endpoint: Endpoint, target: RewindTarget): Promise<void> {
  // The backlog is 0 here: all events after `examined` are counted later.
  await em.execute(
    `update webhook_cursors
        set generation = ${newGeneration}, position = ?, examined = ?, previous = ?, since = ?,
            filter = ?, backlog = 0, updated_at = clock_timestamp()
      where endpoint_id = ?`,
    [target.position, target.position, target.previous, target.since, filterText(endpoint.events), endpoint.id],
  );
}

type Log = { head: number; oldest: number };

function notKept(field: string, oldest: number): Refusal {
  return new Refusal(
    'BAD_USER_INPUT',
    `to.${field}: the log is no longer kept from there; position ${oldest} is the oldest that is left.`,
    `to.${field}`,
  );
}

function notBehind({ id }: Endpoint, { at }: RewindTo, first: number, present: number): Refusal {
  const reached = `${id} has come to position ${present}`;
  if (Number.isNaN(first)) {
    const message = `to.position: must be a whole number from 0 on; ${reached}.`;
    return new Refusal('BAD_USER_INPUT', message, 'to.position');
  }
  const what = at ? `to.at: position ${first} comes first then, which` : `to.position: ${first}`;
  const message = `${what} lies ahead; ${reached}, and a rewind only goes back.`;
  return new Refusal('BAD_USER_INPUT', message, at ? 'to.at' : 'to.position');
}

/** NaN for text that is no whole number. A number too large for JavaScript becomes the largest safe integer. */
function parsePosition(text: string): number {
  return /^\d+$/.test(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : NaN;
}

/** The log's end, and its oldest event. Retention removes the log from its beginning, so none after it is missing. */
async function readLog(em: EntityManager): Promise<Log> {
  const [log] = await em.execute<[Log]>(
    `select position::float8 as head, coalesce((select min(position) from webhook_log), position + 1)::float8 as oldest
       from webhook_log_head`,
  );
  return log;
}

async function pastGap(em: EntityManager, position: number): Promise<number> {
  const [row] = await em.execute<[{ position: number }]>(
    `select ${pastGapSql('p.position')}::float8 as position from (select ?::bigint as position) p`,
    [position],
  );
  return row.position;
}

/** The first position whose `positioned_at`, which never decreases, is `at` or later; head + 1 when there is none. */
async function firstSince(em: EntityManager, { head, oldest }: Log, at: Date): Promise<number> {
  const [found] = await em.execute<[{ position: number }]>(
    `with recursive search (low, high) as (
       select ?::bigint, ?::bigint
       union all
       select case when is_before then middle + 1 else low end, case when is_before then high else middle end
         from (select low, high, (low + high) / 2 as middle from search where low < high) halves
         -- No event is in a gap: there the next event after it is compared.
         cross join lateral (
           select coalesce((select positioned_at from webhook_log where position >= middle order by position limit 1)
                             < ?::timestamptz, true)
         ) compared (is_before)
     )
     select (${pastGapSql('(low - 1)')} + 1)::float8 as position from search where low = high`,
    [oldest, head + 1, at.toISOString()],
  );
  // Dropped events may have been of that time, too.
  if (found.position === oldest && oldest > 1) throw notKept('at', oldest);
  return found.position;
}

/** Everything up to here is settled, by the delivery rows: the cursor is written with a delay. */
async function settledUpTo(em: EntityManager, endpoint: Endpoint, cursor: number, head: number): Promise<number> {
  const [first] = await em.execute<{ position: number }[]>(
    `select e.position::float8 as position
       from webhook_log e join webhook_cursors c on c.endpoint_id = ?
      where e.position > ? and ${isForIt}
        and not exists (select 1 from webhook_deliveries d where ${isOfLine} and ${isSettled} and ${isOfEvent})
      order by e.position limit 1`,
    [endpoint.id, cursor, endpoint.id, patternsOf(endpoint)],
  );
  return first ? first.position - 1 : Math.max(cursor, head);
}

/** Position of the endpoint's last event after `since` and up to `position`, by its present filter; 0 for none. */
async function previousMatch(em: EntityManager, endpoint: Endpoint, since: number, position: number): Promise<number> {
  const [last] = await em.execute<{ position: number }[]>(
    `select e.position::float8 as position from webhook_log e
      where e.position > ? and e.position <= ? and ${isForIt} order by e.position desc limit 1`,
    [since, position, endpoint.id, patternsOf(endpoint)],
  );
  return last?.position ?? 0;
}

const isForIt = isFor('?', boundPatterns);

function patternsOf({ events }: Endpoint): string {
  return JSON.stringify(events.map(likePattern));
}
