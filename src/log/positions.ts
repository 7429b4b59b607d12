// Finds the positions of events.

import type { EntityManager } from '@mikro-orm/postgresql';

/** By id; an event without a position is left out. */
export async function positionsOf(em: EntityManager, eventIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await em.execute<{ id: string; position: number }[]>(
    `select event_id as id, position::float8 as position from webhook_log
      where event_id in (select json_array_elements_text(?::json)::uuid)`,
    [JSON.stringify(eventIds)],
  );
  return new Map(rows.map(({ id, position }) => [id, position]));
}
