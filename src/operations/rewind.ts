// Sets an endpoint's place in the log back, so that everything from there is sent again.

import type { EntityManager } from '@mikro-orm/postgresql';
import { pastGapSql } from '../log/gaps.ts';
import { Refusal } from '../policy/refusal.ts';
import { filterText, likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';

/** Exactly one of both: the first position that is sent again, or the time from which on events are. */
export type RewindTo = { position?: string | null | undefined; at?: Date | null | undefined };

/** Where a line goes on: everything up to `position` counts as settled, `previous` was the last event for it there. */
export type RewoundPlace = { position: number; previous: number; since: number };

/** Retention goes by the ids: the oldest events that are left may have holes between them, as far as this many of them. */
const raggedEdge = 100_000;

/**
 * Finds the place to which an endpoint may be rewound, and locks its cursor and the log's oldest days for the rest of
 * the transaction. Throws Refusal BAD_USER_INPUT for a place that is none, lies ahead, or is no longer kept, and CONFLICT
 * for an endpoint that has no place.
 */
export async function findPlace(em: EntityManager, endpoint: Endpoint, to: RewindTo): Promise<RewoundPlace> {
  const { position, at } = to;
  if ((typeof position === 'string') === at instanceof Date) {
    throw new Refusal('BAD_USER_INPUT', 'to: give exactly one of position and at.');
  }
  const [cursor] = await em.execute<{ position: number | null; since: number }[]>(
    `select position::float8 as position, since::float8 as since from webhook_cursors where endpoint_id = ? for update`,
    [endpoint.id],
  );
  if (typeof cursor?.position !== 'number') {
    throw new Refusal(
      'CONFLICT',
      `${endpoint.id} is disabled and has no place in the log: enable it in the file first.`,
    );
  }
  const log = await readLog(em);
  const first = at instanceof Date ? await firstSince(em, log, at) : parsePosition(position!);
  if (at instanceof Date && first > log.head) {
    throw new Refusal('BAD_USER_INPUT', 'to.at: no event is that late, and a rewind only goes back.');
  }
  const target = Math.max(0, first - 1);
  // NaN is above nothing, and is no place either.
  if (!(target <= cursor.position)) {
    const present = await presentPlace(em, endpoint, cursor.position, log.head);
    if (!(target <= present)) throw notBehind(endpoint, to, first, present);
  }
  const place = await pastGap(em, target);
  if (place < log.oldest - 1) throw notKept('position', log.oldest);
  const since = Math.min(cursor.since, target);
  return { position: place, previous: await previousMatch(em, endpoint, since, place), since };
}

/** Begins a new generation of the endpoint's line at that place. Run it in the transaction that found the place. */
export async function rewindCursor(em: EntityManager, endpoint: Endpoint, place: RewoundPlace): Promise<void> {
  // Nothing of the backlog is counted yet: it is what comes after `examined`.
  await em.execute(
    `update webhook_cursors
        set generation = nextval('webhook_generations'), position = ?, examined = ?, previous = ?, since = ?,
            filter = ?, backlog = 0, updated_at = clock_timestamp()
      where endpoint_id = ?`,
    [place.position, place.position, place.previous, place.since, filterText(endpoint.events), endpoint.id],
  );
}

type Log = { head: number; oldest: number };

function notKept(field: string, oldest: number): Refusal {
  return new Refusal(
    'BAD_USER_INPUT',
    `to.${field}: the log is no longer kept from there; position ${oldest} is the oldest that is left.`,
  );
}

function notBehind({ id }: Endpoint, { at }: RewindTo, first: number, present: number): Refusal {
  const stands = `${id} has come to position ${present}`;
  if (Number.isNaN(first)) {
    return new Refusal('BAD_USER_INPUT', `to.position: must be a whole number from 0 on; ${stands}.`);
  }
  const what = at instanceof Date ? `to.at: position ${first} comes first then, which` : `to.position: ${first}`;
  return new Refusal('BAD_USER_INPUT', `${what} lies ahead; ${stands}, and a rewind only goes back.`);
}

/** NaN for what is no whole number; one too large to count lies ahead of every log. */
function parsePosition(text: string): number {
  return /^\d+$/.test(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : NaN;
}

/** The log's end, and the position from which on nothing of it is missing. Nothing is in a gap, so nothing is missing there. */
async function readLog(em: EntityManager): Promise<Log> {
  const [log] = await em.execute<[Log]>(
    `select head::float8 as head, coalesce(
              (select max(position) from (
                 select position, lag(position) over (order by position) as before
                   from (select position from webhook_events where position is not null
                          order by position limit ${raggedEdge}) edge) steps
                where position > before + 1 and position > ${pastGapSql('before')} + 1),
              first, head + 1)::float8 as oldest
       from (select position as head, (select min(position) from webhook_events) as first from webhook_log_head) log`,
  );
  return log;
}

async function pastGap(em: EntityManager, position: number): Promise<number> {
  const [place] = await em.execute<[{ position: number }]>(
    `select ${pastGapSql('p.position')}::float8 as position from (select ?::bigint as position) p`,
    [position],
  );
  return place.position;
}

/** The first position whose time, by the relay's clock that never goes back, is `at` or later; the one after the head when there is none. */
async function firstSince(em: EntityManager, { head, oldest }: Log, at: Date): Promise<number> {
  const [found] = await em.execute<[{ position: number }]>(
    `with recursive search (low, high) as (
       select ?::bigint, ?::bigint
       union all
       select case when is_before then middle + 1 else low end, case when is_before then high else middle end
         from (select low, high, (low + high) / 2 as middle from search where low < high) halves
         -- No event is in a gap: the next one after it stands for its positions.
         cross join lateral (
           select coalesce((select positioned_at from webhook_events where position >= middle order by position limit 1)
                             < ?::timestamptz, true)
         ) compared (is_before)
     )
     select (${pastGapSql('(low - 1)')} + 1)::float8 as position from search where low = high`,
    [oldest, head + 1, at.toISOString()],
  );
  // What was dropped may have been of that time, too.
  if (found.position === oldest && oldest > 1) throw notKept('at', oldest);
  return found.position;
}

/** Everything up to here is settled, by the rows: the cursor itself is written with a delay. */
async function presentPlace(em: EntityManager, endpoint: Endpoint, cursor: number, head: number): Promise<number> {
  const [first] = await em.execute<{ position: number }[]>(
    `select e.position::float8 as position
       from webhook_events e join webhook_cursors c on c.endpoint_id = ?
      where e.position > ? and ${isForIt} and not exists (
        select 1 from webhook_deliveries d
         where d.endpoint_id = c.endpoint_id and d.generation = c.generation and d.position = e.position and d.event_id = e.id
           and d.origin = 'line' and d.status in ('delivered', 'failed'))
      order by e.position limit 1`,
    [endpoint.id, cursor, patternsOf(endpoint)],
  );
  return first ? first.position - 1 : Math.max(cursor, head);
}

/** The last event for the endpoint after `since` and up to `target`, by its present filter; 0 when there is none. */
async function previousMatch(em: EntityManager, endpoint: Endpoint, since: number, target: number): Promise<number> {
  const [last] = await em.execute<{ position: number }[]>(
    `select e.position::float8 as position from webhook_events e
      where e.position > ? and e.position <= ? and ${isForIt} order by e.position desc limit 1`,
    [since, target, patternsOf(endpoint)],
  );
  return last?.position ?? 0;
}

const isForIt = 'e.addressed_to is null and e.type like any (select json_array_elements_text(?::json))';

function patternsOf({ events }: Endpoint): string {
  return JSON.stringify(events.map(likePattern));
}
