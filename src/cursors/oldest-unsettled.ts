// Finds when the oldest event that waits for an endpoint was recorded.

import type { EntityManager } from '@mikro-orm/postgresql';
import { isFor, isOfEvent, isOfLine, isSettled, unnumbered } from './predicates.ts';
import { likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';

const isForIt = isFor('asked.endpoint_id', 'asked.patterns');

const findOldest = `
  select c.endpoint_id, extract(epoch from coalesce(
    (select (select created_at from webhook_events where id = e.event_id) from webhook_log e
     where e.position > c.position and ${isForIt}
       and not exists (select 1 from webhook_deliveries d where ${isOfLine} and ${isSettled} and ${isOfEvent})
     order by e.position limit 1),
    (select e.created_at from ${unnumbered} where ${isForIt} order by e.seq limit 1)
  ))::float8 * 1000 as oldest_ms
  from jsonb_to_recordset(?::jsonb) as asked (endpoint_id text, patterns text[])
  join webhook_cursors c using (endpoint_id)
  where c.position is not null`;

/** When the first unsettled event of each endpoint was recorded, by endpoint id. One that waits for nothing is left out. */
export async function oldestUnsettled(em: EntityManager, endpoints: readonly Endpoint[]): Promise<Map<string, Date>> {
  const asked = endpoints.map(({ id, events }) => ({ endpoint_id: id, patterns: events.map(likePattern) }));
  type Row = { endpoint_id: string; oldest_ms: number | null };
  const rows = await em.execute<Row[]>(findOldest, [JSON.stringify(asked)]);
  return new Map(rows.flatMap((row) => (row.oldest_ms === null ? [] : [[row.endpoint_id, new Date(row.oldest_ms)]])));
}
