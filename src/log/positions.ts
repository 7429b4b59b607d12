// Finds the positions of events.

import type { EntityManager } from '@mikro-orm/postgresql';

/** By id; an event without a position is left out. */
export async function positionsOf(em: EntityManager, eventIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await em.execute<{ id: string; position: number }[]>(
    `select asked.id, found.position::float8 as position
       from json_array_elements_text(?::json) as given (id)
      cross join lateral (select given.id::uuid as id) asked
      cross join lateral (select position from webhook_log where event_id = asked.id limit 1) found`,
    [JSON.stringify(eventIds)],
  );
  return new Map(rows.map(({ id, position }) => [id, position]));
}
