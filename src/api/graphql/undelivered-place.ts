// Where an endpoint is in the log, and what else must be known before its undelivered events can be looked for.

import type { EntityManager } from '@mikro-orm/postgresql';
import { firstIdOf } from '../../model/uuid.ts';
import { isOfLine, isSettled } from '../../cursors/predicates.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** As many positions are read within some milliseconds. */
const nearBy = 20_000;
/** Of a subject with no more events than this, each event is looked at. */
const fewOfSubject = 2_000;

export type Place = {
  /** Null: it has none, so nothing is to come. */
  position: number | null;
  /** The log's end is far above it. */
  isFar: boolean;
  /** When the first event above it got its position, in Unix ms; null: there is none. */
  firstAt: number | null;
  /** Ids of the events above it that are settled. */
  settled: readonly string[];
  /** All generations in which the endpoint was sent anything. */
  generations: readonly string[];
  /** Ids of all events of the subject; null: there are too many, or none is asked for. */
  ofSubject: readonly string[] | null;
};

const readPlace = `
  with recursive each (generation) as (
    (select generation from webhook_deliveries where endpoint_id = :endpointId order by generation limit 1)
    union all
    select (select d.generation from webhook_deliveries d
             where d.endpoint_id = :endpointId and d.generation > each.generation order by d.generation limit 1)
      from each where each.generation is not null
  )
  select c.position::float8 as position, c.position < h.position - ${nearBy} as is_far,
         (select extract(epoch from positioned_at)::float8 * 1000 from webhook_log
           where position > c.position order by position limit 1) as first_ms,
         array(select d.event_id::text from webhook_deliveries d
                where ${isOfLine} and ${isSettled} and d.position > c.position) as settled,
         array(select generation::text from each where generation is not null) as generations
    from webhook_log_head h
    left join webhook_cursors c on c.endpoint_id = :endpointId`;

const readSubject = `
  select id from (
    (select v.id from webhook_log l
       cross join lateral (select id from webhook_events where id = l.event_id and subject = :subject offset 0) v
      where l.line = hashtextextended(:subject, 0) limit ${fewOfSubject + 1})
    union all
    (select v.id from webhook_outbox o
       cross join lateral (select id from webhook_events where id = o.event_id and subject = :subject offset 0) v)
  ) recorded limit ${fewOfSubject + 1}`;

export async function endpointPlace(
  em: EntityManager,
  { endpointId, isConfigured, subject }: { endpointId: string; isConfigured: boolean; subject: string | null },
): Promise<Place> {
  type Row = {
    position: number | null;
    is_far: boolean | null;
    first_ms: number | null;
    settled: string[];
    generations: string[];
  };
  const [row] = await em.execute<[Row]>(readPlace, { endpointId });
  const found = subject === null ? null : await em.execute<{ id: string }[]>(readSubject, { subject });
  return {
    position: isConfigured ? row.position : null,
    isFar: isConfigured && row.is_far === true,
    firstAt: row.first_ms,
    settled: row.settled,
    generations: row.generations,
    ofSubject: found !== null && found.length <= fewOfSubject ? found.map(({ id }) => id) : null,
  };
}

/**
 * The types of the events since a time (Unix ms), and perhaps others: those that are listed, or one look into the index of
 * each day for each type where there are wildcards.
 */
export async function typesSince(em: EntityManager, patterns: readonly string[], since: number): Promise<string[]> {
  if (patterns.every((pattern) => !pattern.includes('*'))) return [...patterns];
  const rows = await em.execute<{ type: string }[]>(
    `with recursive each (type) as (
       (select type from webhook_events where id >= :id::uuid order by type limit 1)
       union all
       select (select v.type from webhook_events v where v.type > each.type and v.id >= :id::uuid order by v.type limit 1)
         from each where each.type is not null
     ) select type from each where type is not null`,
    // From the beginning of its day: to leave out a part of a day, its events would be read.
    { id: firstIdOf(Math.floor(since / dayMs) * dayMs) },
  );
  return rows.map(({ type }) => type);
}
