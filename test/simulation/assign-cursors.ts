// Gives the endpoints of a configuration their cursors in the simulated Postgres.

import { filterText } from '../../src/policy/routing.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { Tables } from './tables.ts';

/** A restore takes the sequence back; `restores` stands for the random digits of the real one. */
export function newGeneration(tables: Tables): number {
  tables.generations += 1;
  return tables.generations * 1_000 + tables.restores;
}

/** A cursor at the log's end for each endpoint that has none; what is no longer there loses its own. */
export function assignCursors(tables: Tables, endpoints: readonly Endpoint[]): void {
  const ids = new Set(endpoints.map(({ id }) => id));
  for (const id of tables.cursors.keys()) if (!ids.has(id)) tables.cursors.delete(id);
  tables.items = tables.items.filter(({ endpoint }) => ids.has(endpoint));
  for (const { id, events } of endpoints) {
    if (tables.cursors.has(id)) continue;
    const at = tables.head;
    tables.cursors.set(id, {
      ...{ generation: newGeneration(tables), resumes: 0, pauseReason: null, position: at, previous: 0 },
      ...{
        examined: at,
        filter: filterText(events),
        backlog: 0,
        ...{ failing: false, failingChanges: 0, failingSince: null },
        since: at,
        owner: null,
        ownerEpoch: 0,
        load: 0,
      },
    });
  }
}
