// Tells whoever serves an endpoint, on whichever instance, that what is stored of it has changed.

import type { EntityManager } from '@mikro-orm/postgresql';
import { shardOf } from '../policy/shards.ts';

/**
 * Called after each commit that raised control versions or brought another configuration: makes it heard at once where
 * it can be. Those who do not hear it find out with their next heartbeat.
 */
export type Announce = (what: 'configuration' | 'control', endpointIds: readonly string[]) => void;

/**
 * Raises the control versions of the shards of these endpoints, in one order for all. The last statement of its
 * transaction: the rows are shared by all endpoints of a shard, and stay locked until the commit.
 */
export async function raiseControls(em: EntityManager, endpointIds: readonly string[]): Promise<void> {
  await em.flush();
  const shards = [...new Set(endpointIds.map(shardOf))];
  if (shards.length === 0) return;
  await em.execute(
    `with locked as materialized (
       select shard from webhook_controls where shard in (select json_array_elements_text(?::json)::smallint)
        order by shard for update)
     update webhook_controls c set version = c.version + 1 from locked where c.shard = locked.shard`,
    [JSON.stringify(shards)],
  );
}
