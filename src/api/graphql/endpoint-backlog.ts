// Counts the events that wait for endpoints, from the count that the owner stored and what happened since.

import type { EntityManager } from '@mikro-orm/postgresql';
import { isFor, isInGap, isOfEvent, isOfLine, isSettled } from '../../cursors/predicates.ts';
import { filterText, likePattern } from '../../policy/routing.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

/** The backlog is exact up to here; above, it is this number. */
const mostCounted = 10_000;

const asked = `
  with asked as (select * from jsonb_to_recordset(?::jsonb) as asked (endpoint_id text, patterns text[], filter text))`;

const isForIt = isFor('asked.patterns');

/**
 * The stored backlog counts the events between the cursor and where the owner had examined the log. Added are the events
 * after that; subtracted are those above the cursor that are settled by now. Both are few, and each count has a limit.
 * A backlog that was counted with another filter does not count: then all events above the cursor are counted.
 */
const count = `${asked}
  select c.endpoint_id,
         least(${mostCounted}, greatest(0, case when known.same then c.backlog else 0 end + coming.events - settled.events))::float8 as backlog
  from asked
  join webhook_cursors c using (endpoint_id)
  cross join lateral (select c.filter = asked.filter as same) known
  cross join lateral (
    select count(distinct above.position) as events from (
      select d.position from webhook_deliveries d
      where ${isOfLine} and ${isSettled} and d.position > c.position and not ${isInGap('d.position')}
        and d.event_type like any (asked.patterns)
      limit ${10 * mostCounted}
    ) above
  ) settled
  cross join lateral (
    select count(*) as events from (
      select 1 from webhook_events e where e.position > case when known.same then c.examined else c.position end and ${isForIt}
      union all
      select 1 from webhook_events e where e.position is null and ${isForIt}
      limit ${mostCounted + 1} + settled.events
    ) unexamined
  ) coming
  where c.position is not null`;

const findOldest = `${asked}
  select c.endpoint_id, extract(epoch from coalesce(
    (select e.created_at from webhook_events e
     where e.position > c.position and ${isForIt}
       and not exists (select 1 from webhook_deliveries d where ${isOfLine} and ${isSettled} and ${isOfEvent})
     order by e.position limit 1),
    (select e.created_at from webhook_events e
     where e.position is null and ${isForIt} order by e.seq limit 1)
  ))::float8 * 1000 as oldest_ms
  from asked
  join webhook_cursors c using (endpoint_id)
  where c.position is not null`;

/** Backlogs by endpoint id; an endpoint without a position has none. */
export async function backlogs(em: EntityManager, endpoints: readonly Endpoint[]): Promise<Map<string, number>> {
  const rows = await em.execute<{ endpoint_id: string; backlog: number }[]>(count, [subscriptions(endpoints)]);
  return new Map(rows.map((row) => [row.endpoint_id, row.backlog]));
}

/** When the first unsettled event of each endpoint was recorded, by endpoint id. */
export async function oldestUnsettled(em: EntityManager, endpoints: readonly Endpoint[]): Promise<Map<string, Date>> {
  type Row = { endpoint_id: string; oldest_ms: number | null };
  const rows = await em.execute<Row[]>(findOldest, [subscriptions(endpoints)]);
  return new Map(rows.flatMap((row) => (row.oldest_ms === null ? [] : [[row.endpoint_id, new Date(row.oldest_ms)]])));
}

function subscriptions(endpoints: readonly Endpoint[]): string {
  return JSON.stringify(
    endpoints.map(({ id, events }) => ({
      endpoint_id: id,
      patterns: events.map(likePattern),
      // As cursors/assign-cursors.ts stores it.
      filter: filterText(events),
    })),
  );
}
