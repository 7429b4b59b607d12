// Where the endpoints stand, in Postgres: written lazily, many at once, and never over a newer generation.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { filterText } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Actor } from './actor.ts';

type CursorRow = {
  endpoint_id: string;
  generation: number;
  position: number;
  previous: number;
  examined: number;
  filter: string;
  backlog: number;
  last_error: string | null;
};

export type CursorWriter = {
  /** Writes the cursors that moved since they were last written, in one statement. */
  write(actors: Iterable<Actor>, dispatched: number): Promise<void>;
};

export function createCursorWriter(orm: MikroORM): CursorWriter {
  const written = new Map<string, string>();

  return {
    async write(actors, dispatched) {
      const dirty: { row: CursorRow; text: string }[] = [];
      for (const actor of actors) {
        if (actor.loading || actor.passing) continue;
        const row = rowOf(actor, dispatched);
        const text = JSON.stringify(row);
        if (written.get(row.endpoint_id) !== text) dirty.push({ row, text });
      }
      if (dirty.length === 0) return;
      await orm.em.fork().execute(
        `update webhook_cursors c
            set position = v.position, previous = v.previous, examined = v.examined, filter = v.filter,
                backlog = v.backlog, last_error = v.last_error, updated_at = clock_timestamp()
           from json_populate_recordset(null::webhook_cursors, ?::json) v
          where c.endpoint_id = v.endpoint_id and c.generation = v.generation`,
        [`[${dirty.map(({ text }) => text).join()}]`],
      );
      for (const { row, text } of dirty) written.set(row.endpoint_id, text);
    },
  };
}

function rowOf(actor: Actor, dispatched: number): CursorRow {
  const { position, previous } = actor.cursor(dispatched);
  return {
    endpoint_id: actor.endpoint.id,
    generation: actor.generation,
    position,
    previous,
    examined: dispatched,
    filter: filterText(actor.endpoint.events),
    backlog: Math.max(0, actor.backlog),
    last_error: actor.lastError,
  };
}

/**
 * Gives each enabled endpoint without a place one at the log's end, and takes the places of the others away: a disabled
 * endpoint's pause stays, a removed one's row goes. Run it in a transaction; it locks the log's head, so that whatever
 * is committed later is for the new endpoints too. Returns the head.
 */
export async function placeEndpoints(em: EntityManager, endpoints: readonly Endpoint[]): Promise<number> {
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
