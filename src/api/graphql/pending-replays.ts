// Counts the replays that still wait for endpoints. A test is none.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { Endpoint } from '../../settings/endpoint.ts';

const count = `
  select endpoint_id as id, count(*)::int as replays from webhook_replays
   where endpoint_id in (select json_array_elements_text(?::json)) and origin = 'replay' group by endpoint_id`;

/** By endpoint id; one for which none waits is left out. */
export async function pendingReplays(
  em: EntityManager,
  endpoints: readonly Pick<Endpoint, 'id'>[],
): Promise<Map<string, number>> {
  const ids = JSON.stringify(endpoints.map(({ id }) => id));
  const rows = await em.execute<{ id: string; replays: number }[]>(count, [ids]);
  return new Map(rows.map(({ id, replays }) => [id, replays]));
}
