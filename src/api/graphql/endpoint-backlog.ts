// How much endpoints have before them, from the number that the owner keeps and what has happened since.

import type { EntityManager } from '@mikro-orm/postgresql';
import { filterText, likePattern } from '../../policy/routing.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

/** Exact up to here; above, this is the answer. */
const mostCounted = 10_000;

const asked = `
  with asked as (select * from jsonb_to_recordset(?::jsonb) as asked (endpoint_id text, patterns text[], filter text))`;

/** A row whose position lies in a gap of the log tells of an event that the database has lost. */
const isSettled = `d.generation = c.generation and d.origin = 'line' and d.status in ('delivered', 'failed')
  and not exists (select 1 from webhook_log_gaps g where d.position between g.first and g.last)`;
const isForIt = 'e.addressed_to is null and e.type like any (asked.patterns)';

/**
 * The cursor's row knows how many events lay between its place and where the log was examined. Events after that come
 * to it; events above the place that are settled by now leave it. Both are few, and no count goes on without end.
 * A number counted with another filter than the present one says nothing: then all is counted from the place on.
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
      where d.endpoint_id = c.endpoint_id and d.position > c.position and ${isSettled}
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
       and not exists (
         select 1 from webhook_deliveries d
         where d.endpoint_id = c.endpoint_id and d.position = e.position and ${isSettled})
     order by e.position limit 1),
    (select e.created_at from webhook_events e
     where e.position is null and ${isForIt} order by e.seq limit 1)
  ))::float8 * 1000 as oldest_ms
  from asked
  join webhook_cursors c using (endpoint_id)
  where c.position is not null`;

/** Backlogs by endpoint id; an endpoint without a place has none. */
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
      // As cursors/place-endpoints.ts stores it.
      filter: filterText(events),
    })),
  );
}
