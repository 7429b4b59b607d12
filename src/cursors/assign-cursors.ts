// Gives the endpoints of a new configuration their cursors, and removes those of endpoints that are gone.

import type { EntityManager } from '@mikro-orm/postgresql';
import { newGeneration } from '../model/webhook-cursor.ts';
import { recordFacts } from '../outbox/operational-events.ts';
import { filterText } from '../policy/routing.ts';
import type { EndpointSettings } from '../settings/endpoint.ts';

/**
 * Sets the cursor of each enabled endpoint that has none to the log's end. A disabled endpoint loses its position and keeps
 * its pause; a removed one loses its row, and has no backlog from then on. Run it in a transaction: it locks the log's head,
 * so that the new endpoints get whatever is committed later, and the cursors. Returns the head.
 */
export async function assignCursors(em: EntityManager, endpoints: readonly EndpointSettings[]): Promise<number> {
  const [head] = await em.execute<[{ position: number }]>(
    'select position::float8 as position from webhook_log_head for update',
  );
  // Whoever locks several cursors does it in this order.
  await em.execute('select 1 from webhook_cursors order by endpoint_id for update');
  const rows = endpoints.map((endpoint) => ({
    endpoint_id: endpoint.id,
    position: endpoint.enabled ? head.position : null,
    filter: filterText(endpoint.events),
  }));
  const given = JSON.stringify(rows);
  await em.execute(
    `with gone as (
       delete from webhook_cursors c
        where not exists (select 1 from json_to_recordset(?::json) as v (endpoint_id text) where v.endpoint_id = c.endpoint_id)
       returning c.endpoint_id
     )
     insert into webhook_backlog_samples (endpoint_id, at, backlog)
       select endpoint_id, date_trunc('minute', clock_timestamp()) + interval '1 min', 0 from gone
     on conflict (endpoint_id, at) do update set backlog = excluded.backlog`,
    [given],
  );
  await tellRecovered(em, given);
  await em.execute(
    `insert into webhook_cursors as c (endpoint_id, position, since, examined, filter)
       select endpoint_id, position, coalesce(position, 0), coalesce(position, 0), filter
         from json_to_recordset(?::json) as v (endpoint_id text, position bigint, filter text)
        order by endpoint_id
     on conflict (endpoint_id) do update
       set position = excluded.position, since = excluded.since, examined = excluded.examined,
           filter = excluded.filter, previous = 0, backlog = 0, generation = ${newGeneration},
           failing = false, failing_since = null
       where (c.position is null) <> (excluded.position is null)`,
    [given],
  );
  await em.execute(
    `delete from webhook_replays s
      where not exists (select 1 from webhook_cursors c where c.endpoint_id = s.endpoint_id and c.position is not null)`,
  );
  await em.execute(
    `delete from webhook_endpoint_outcomes o
      where not exists (select 1 from webhook_cursors c where c.endpoint_id = o.endpoint_id)`,
  );
  return head.position;
}

/** Of an endpoint that is disabled while it fails no line is blocked any more. */
async function tellRecovered(em: EntityManager, given: string): Promise<void> {
  const failing = await em.execute<{ id: string }[]>(
    `select c.endpoint_id as id from webhook_cursors c
       join json_to_recordset(?::json) as v (endpoint_id text, position bigint) using (endpoint_id)
      where c.failing and c.position is not null and v.position is null order by c.endpoint_id for update of c`,
    [given],
  );
  await recordFacts(
    em,
    failing.map(({ id }) => ({ type: 'webhook.endpoint_recovered', endpointId: id })),
  );
}
