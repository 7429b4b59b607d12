// Control versions: by them the instance that serves an endpoint sees that its stored state was changed.

import type { EntityManager } from '@mikro-orm/postgresql';
import { shardOf } from '../policy/shards.ts';

/**
 * Called after each commit that raised control versions or put another configuration in force, so that instances look
 * at once. An instance that misses the call finds out with its next heartbeat.
 */
export type Announce = (endpointIds: readonly string[]) => void;

/**
 * Raises the control versions of these endpoints' shards, always in the same order. Run it last in the transaction: all
 * endpoints of a shard share the row, which stays locked until the commit.
 */
export async function raiseControlVersions(em: EntityManager, endpointIds: readonly string[]): Promise<void> {
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
