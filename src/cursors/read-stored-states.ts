// Reads what requests may have changed on any instance: pauses, resumes, rewinds, replays and orders.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { StoredState } from '../dispatch/cursor-state.ts';

export async function readStoredStates(orm: MikroORM, endpointIds: readonly string[]): Promise<StoredState[]> {
  return await orm.em.fork().execute<StoredState[]>(
    `select endpoint_id as "endpointId", generation::float8 as generation, resumes, pause_reason as "pauseReason",
            exists (select 1 from webhook_replays s where s.endpoint_id = c.endpoint_id) as "hasReplays",
            exists (select 1 from webhook_orders o where o.endpoint_id = c.endpoint_id and o.outcome is null) as "hasOrders"
       from webhook_cursors c
      where position is not null and endpoint_id in (select json_array_elements_text(?::json))`,
    [JSON.stringify(endpointIds)],
  );
}
