// Which instance serves endpoints now, by the leases in the database.

import type { EntityManager } from '@mikro-orm/postgresql';
import { shardOf } from '../../policy/shards.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

/** Names of instances by endpoint id; an endpoint whose shard has no owner, or one that has left, has none. */
export async function owners(em: EntityManager, endpoints: readonly Endpoint[]): Promise<Map<string, string>> {
  const rows = await em.execute<{ shard: number; name: string }[]>(
    `select l.lease as shard, i.name from webhook_leases l join webhook_instances i on i.id = l.owner
      where l.lease in (select json_array_elements_text(?::json)::smallint)`,
    [JSON.stringify([...new Set(endpoints.map(({ id }) => shardOf(id)))])],
  );
  const names = new Map(rows.map(({ shard, name }) => [shard, name]));
  return new Map(
    endpoints.flatMap(({ id }) => {
      const name = names.get(shardOf(id));
      return name === undefined ? [] : [[id, name] as const];
    }),
  );
}
