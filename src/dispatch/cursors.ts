// Where the endpoints stand, in Postgres: many places in one statement, each written by nobody but its owner.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { filterText } from '../policy/routing.ts';
import type { EndpointSettings } from '../settings/endpoint.ts';
import type { CursorRow } from './cursor-writer.ts';

/**
 * Writes places, but none of another generation or owner, and none on another database server than `server`: that one
 * may have lost what the places tell of. Gives the endpoints whose place it did not write.
 */
export async function writeCursors(
  orm: MikroORM,
  rows: readonly CursorRow[],
  server: string | null,
): Promise<Set<string>> {
  const written = await orm.em.fork().execute<{ id: string }[]>(
    `update webhook_cursors c
        set position = v.position, previous = v.previous, examined = v.examined, filter = v.filter,
            backlog = v.backlog, last_error = v.last_error, updated_at = clock_timestamp()
       from json_populate_recordset(null::webhook_cursors, ?::json) v
      where c.endpoint_id = v.endpoint_id and c.generation = v.generation
        and c.owner = v.owner and c.owner_epoch = v.owner_epoch and pg_postmaster_start_time()::text = ?
     returning c.endpoint_id as id`,
    [JSON.stringify(rows), server],
  );
  const refused = new Set(rows.map(({ endpoint_id: id }) => id));
  for (const { id } of written) refused.delete(id);
  return refused;
}

/**
 * Gives each enabled endpoint without a place one at the log's end, and takes the places of the others away: a disabled
 * endpoint's pause stays, a removed one's row goes. Run it in a transaction; it locks the log's head, so that whatever
 * is committed later is for the new endpoints too. Returns the head.
 */
export async function placeEndpoints(em: EntityManager, endpoints: readonly EndpointSettings[]): Promise<number> {
  const [head] = await em.execute<[{ position: number }]>(
    'select position::float8 as position from webhook_log_head for update',
  );
  const rows = endpoints.map((endpoint) => ({
    endpoint_id: endpoint.id,
    position: endpoint.enabled ? head.position : null,
    filter: filterText(endpoint.events),
  }));
  const given = JSON.stringify(rows);
  await em.execute(
    `delete from webhook_cursors c
      where not exists (select 1 from json_to_recordset(?::json) as v (endpoint_id text) where v.endpoint_id = c.endpoint_id)`,
    [given],
  );
  await em.execute(
    `insert into webhook_cursors as c (endpoint_id, position, since, examined, filter)
       select endpoint_id, position, coalesce(position, 0), coalesce(position, 0), filter
         from json_to_recordset(?::json) as v (endpoint_id text, position bigint, filter text)
     on conflict (endpoint_id) do update
       set position = excluded.position, since = excluded.since, examined = excluded.examined,
           filter = excluded.filter, previous = 0, backlog = 0, last_error = null, generation = nextval('webhook_generations')
       where (c.position is null) <> (excluded.position is null)`,
    [given],
  );
  await em.execute(
    `delete from webhook_side_items s
      where not exists (select 1 from webhook_cursors c where c.endpoint_id = s.endpoint_id and c.position is not null)`,
  );
  return head.position;
}
