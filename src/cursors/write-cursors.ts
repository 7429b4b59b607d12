// Writes cursors: many in one statement, each only if it is still its writer's.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { CursorRow } from './cursor-writer.ts';

/**
 * Writes cursors, but none of another generation or owner. On another database server than `server` it writes none, because
 * that server may have lost the rows that a cursor claims to be settled. Returns the endpoints whose cursor was not written.
 */
export async function writeCursors(
  orm: MikroORM,
  rows: readonly CursorRow[],
  server: string | null,
): Promise<Set<string>> {
  const written = await orm.em.fork().execute<{ id: string }[]>(
    // Whoever locks several cursors does it in the order of their ids.
    `with locked as materialized (
       select v.* from json_to_recordset(?::json) as v (endpoint_id text, generation bigint, owner uuid, owner_epoch bigint,
                position bigint, previous bigint, examined bigint, filter text, backlog integer, failing_run text)
         join webhook_cursors c on c.endpoint_id = v.endpoint_id and c.generation = v.generation
          and c.owner = v.owner and c.owner_epoch = v.owner_epoch
        where pg_postmaster_start_time()::text = ? order by c.endpoint_id for update of c
     )
     update webhook_cursors c
        set position = v.position, previous = v.previous, examined = v.examined, filter = v.filter,
            backlog = v.backlog, updated_at = clock_timestamp(),
            failing_since = case v.failing_run when 'goes on' then coalesce(c.failing_since, clock_timestamp())
                                               when 'begins' then clock_timestamp() end
       from locked v where c.endpoint_id = v.endpoint_id
     returning c.endpoint_id as id`,
    [JSON.stringify(rows), server],
  );
  const refused = new Set(rows.map(({ endpoint_id: id }) => id));
  for (const { id } of written) refused.delete(id);
  return refused;
}
