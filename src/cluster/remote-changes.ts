// Notices what other instances have changed of endpoints: pauses, resumes, rewinds, orders, replays, and cancels of replays.
// Pure.
//
// Each such change raises its shard's control version. When a version is not the one that was seen last, the stored states
// of that shard's endpoints are compared with the actors.

import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { StoredState } from '../dispatch/cursor-state.ts';

export type RemoteChangePorts = {
  /** The states of endpoints. Null: the read failed. */
  readStoredStates(endpointIds: readonly string[], done: (states: readonly StoredState[] | null) => void): void;
};

export type RemoteChanges = {
  /** Notes the shard's version before its cursors are loaded: changes up to then are in what is loaded. */
  begin(shard: number): void;
  /** Takes the present versions, and looks at the endpoints of those `shards` whose version is another one. */
  onVersions(versions: readonly number[], shards: readonly number[]): void;
};

export function createRemoteChanges(ports: RemoteChangePorts, dispatcher: () => Dispatcher): RemoteChanges {
  const seen = new Map<number, number>();
  let newest: readonly number[] = [];

  function compare({ endpointId, generation, resumes, pauseReason, hasReplays, hasOrders }: StoredState): void {
    const actor = dispatcher().actor(endpointId);
    if (!actor) return;
    const { stored } = actor;
    const same = stored.generation === generation && stored.resumes === resumes && stored.pauseReason === pauseReason;
    // Nothing tells which replays were cancelled: those that it holds are read again.
    const isToLoad = actor.reading === 'loading' || !same || actor.holdsReplays || hasOrders;
    if (isToLoad) dispatcher().reloadCursor(endpointId);
    else if (hasReplays) dispatcher().wakeReplays(endpointId);
  }

  return {
    begin: (shard) => void seen.set(shard, newest[shard] ?? 0),
    onVersions(versions, shards) {
      newest = versions;
      const changed = new Set(shards.filter((shard) => seen.get(shard) !== versions[shard]));
      if (changed.size === 0) return;
      for (const shard of changed) seen.set(shard, versions[shard]!);
      const actors = [...dispatcher().actors()].filter(({ lease }) => changed.has(lease.index));
      if (actors.length === 0) return;
      ports.readStoredStates(
        actors.map(({ endpoint }) => endpoint.id),
        (states) => {
          // The next heartbeat looks again.
          if (states === null) for (const shard of changed) seen.delete(shard);
          else for (const state of states) compare(state);
        },
      );
    },
  };
}
