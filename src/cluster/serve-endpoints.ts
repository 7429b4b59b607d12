// Gives each endpoint of a configuration its actor, and takes those away that it does not have any more. Pure.

import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { ConfigurationInForce } from '../operations/configurations.ts';
import type { createShardOwnership } from './shard-ownership.ts';

export function serveEndpoints(
  before: ConfigurationInForce,
  next: ConfigurationInForce,
  {
    dispatcher,
    shards,
  }: { dispatcher: Dispatcher; shards: Pick<ReturnType<typeof createShardOwnership>, 'start' | 'releaseAll'> },
): void {
  // An endpoint may have been removed and added again in a version between: then its cursor is another one.
  const skipsVersions = ![before.version, before.version + 1].includes(next.version);
  // The new filters apply all the same: the last cursors that are written must not skip events that only they match.
  if (next.standsAside !== null) shards.releaseAll();
  const known = new Map([...dispatcher.actors()].map(({ endpoint }) => [endpoint.id, endpoint]));
  const serving = new Map(next.endpoints.filter(({ enabled }) => enabled).map((endpoint) => [endpoint.id, endpoint]));
  for (const endpointId of known.keys()) if (!serving.has(endpointId)) dispatcher.remove(endpointId);
  for (const [endpointId, endpoint] of serving) {
    const old = known.get(endpointId);
    if (!old) shards.start(endpoint);
    else if (JSON.stringify(old) !== JSON.stringify(endpoint)) dispatcher.configure(endpoint);
    if (old && skipsVersions) dispatcher.reloadCursor(endpointId);
  }
}
