// Counts the events that a rewind would send again.

import type { EntityManager } from '@mikro-orm/postgresql';
import { exactTo } from '../dispatch/cursor-state.ts';
import { likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { boundPatterns, isFor, isOfLine, isSettled, matchesAny } from './predicates.ts';

/** So far the log itself is read. An endpoint that asks for few events would have it read millions of others. */
const readAhead = 100_000;

/**
 * The events for the endpoint after `after` that are settled: those up to its cursor, by its present filter, and those
 * above the cursor that have a final row. Exact to 10,000 and never more.
 */
export async function countAgain(
  em: EntityManager,
  endpoint: Pick<Endpoint, 'id' | 'events'>,
  { after, cursor }: { after: number; cursor: number },
): Promise<number> {
  const patterns = JSON.stringify(endpoint.events.map(likePattern));
  const count = async (statement: string, values: readonly (string | number)[]): Promise<number> => {
    const [row] = await em.execute<[{ events: number }]>(statement, [...values]);
    return row.events;
  };
  const near = Math.min(cursor, after + readAhead);
  let events = await count(aboveCursor, [endpoint.id, after, patterns, exactTo]);
  if (after < cursor && events < exactTo) events += await count(inLog, [after, near, endpoint.id, patterns, exactTo]);
  if (near < cursor && events < exactTo)
    events += await count(byType, [patterns, near, near, cursor, endpoint.id, patterns, exactTo]);
  return Math.min(events, exactTo);
}

const aboveCursor = `
  select count(distinct position)::int as events from (
    select d.position from webhook_cursors c join webhook_deliveries d on ${isOfLine} and ${isSettled}
     where c.endpoint_id = ? and d.position > greatest(c.position, ?) and ${matchesAny('d.event_type', boundPatterns)}
     limit 10 * ?) settled`;

const inLog = `
  select count(*)::int as events from (
    select 1 from webhook_log e where e.position > ? and e.position <= ? and ${isFor('?', boundPatterns)} limit ?) counted`;

/**
 * By the index of the events' types: first the types that there are and that match, each found behind the last, then
 * their events. An event has its position days after its id at most, which leaves out the partitions of older days.
 */
const byType = `
  with recursive types (type) as (
    (select type from webhook_events order by type limit 1)
    union all
    select (select v.type from webhook_events v where v.type > t.type order by v.type limit 1)
      from types t where t.type is not null
  ), matching as materialized (
    select type from types where ${matchesAny('type', boundPatterns)}
  ), kept as materialized (
    select rpad(lpad(to_hex((extract(epoch from positioned_at - interval '2 days') * 1000)::bigint), 12, '0'), 32, '0')::uuid
             as first
      from webhook_log where position > ? order by position limit 1
  )
  select count(*)::int as events from (
    select 1 from matching m
     cross join lateral (select id from webhook_events where type = m.type and id >= (select first from kept) offset 0) v
      join webhook_log e on e.event_id = v.id and e.position > ? and e.position <= ? and ${isFor('?', boundPatterns)}
     limit ?) counted`;
