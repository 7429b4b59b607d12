// Notices what was changed of endpoints from elsewhere: pauses, resumes, rewinds, replays and tests. Pure.
//
// Each such change raises its shard's control version. Where that is not the one that was seen last, what is stored is
// compared with the actors.

import type { EndpointState } from '../dispatch/cursor-state.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';

export type ControlPorts = {
  /** The states of endpoints; null: the read failed. */
  readEndpointStates(endpointIds: readonly string[], done: (states: readonly EndpointState[] | null) => void): void;
};

export type Controls = {
  /** Takes the versions (by shard) as they are before the places of a shard are read. */
  begin(shard: number): void;
  /** Hears the versions; looks at the endpoints of those of `shards` that were changed. */
  hear(versions: readonly number[], shards: readonly number[]): void;
};

export function createControls(ports: ControlPorts, dispatcher: () => Dispatcher): Controls {
  const seen = new Map<number, number>();
  let newest: readonly number[] = [];

  function compare({ endpointId, generation, resumes, pauseReason, sideWaits }: EndpointState): void {
    const actor = dispatcher().actor(endpointId);
    if (!actor) return;
    const same = actor.generation === generation && actor.resumes === resumes && actor.pauseReason === pauseReason;
    if (actor.loading || !same) dispatcher().refresh(endpointId);
    else if (sideWaits) dispatcher().stirSide(endpointId);
  }

  return {
    begin: (shard) => void seen.set(shard, newest[shard] ?? 0),
    hear(versions, shards) {
      newest = versions;
      const changed = new Set(shards.filter((shard) => seen.get(shard) !== versions[shard]));
      if (changed.size === 0) return;
      for (const shard of changed) seen.set(shard, versions[shard]!);
      const actors = [...dispatcher().actors()].filter(({ lease }) => changed.has(lease.index));
      if (actors.length === 0) return;
      ports.readEndpointStates(
        actors.map(({ endpoint }) => endpoint.id),
        (states) => {
          // Looked at again with the next beat.
          if (states === null) for (const shard of changed) seen.delete(shard);
          else for (const state of states) compare(state);
        },
      );
    },
  };
}
