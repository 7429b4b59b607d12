// Compares the backlogs that a simulated world has stored with the log and the rows.

import type { CursorRow } from '../../src/cursors/cursor-writer.ts';
import { filterText } from '../../src/policy/routing.ts';
import type { Tables } from './tables.ts';
import { Violation } from './violation.ts';
import { isFor } from './wanted.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';

/** A cursor is written with the number of events for its endpoint that lie above it and up to where it was counted. */
export function checkWritten({ log }: Tables, writer: string, row: CursorRow): void {
  const { endpoint_id: endpoint, position, examined, filter, backlog } = row;
  const counted = eventsFor(log, { id: endpoint, events: filter.split('\n') }, position, examined);
  if (counted.length === backlog) return;
  throw new Violation(
    `${writer} writes ${position} for ${endpoint} with a backlog of ${backlog} up to ${examined}, and it is ${counted.length}`,
  );
}

/** Once all is over, whoever reads an endpoint's stored backlog comes to what is unsettled by the rows. */
export function checkBacklogs(tables: Tables, endpoints: readonly Endpoint[]): void {
  for (const endpoint of endpoints) {
    const { id, events } = endpoint;
    const { generation, position, examined, filter, backlog } = tables.cursors.get(id)!;
    const rows = tables.rows.filter((row) => row.endpoint === id && row.generation === generation);
    const final = rows.filter(({ origin, status }) => origin === 'line' && status !== 'retrying');
    const settled = new Set(final.map(({ eventId }) => eventId));
    const above = eventsFor(tables.log, endpoint, position, tables.head);
    const unsettled = above.filter((entry) => !settled.has(entry.id)).length;
    const isSame = filter === filterText(events);
    const coming = eventsFor(tables.log, endpoint, isSame ? examined : position, tables.head).length;
    const read = (isSame ? backlog : 0) + coming - (above.length - unsettled);
    if (read !== unsettled)
      throw new Violation(`the backlog of ${id} is read as ${read} when all is over, and it is ${unsettled}`);
  }
}

function eventsFor(log: Tables['log'], endpoint: Pick<Endpoint, 'id' | 'events'>, after: number, upTo: number) {
  return log
    .slice(after + 1, upTo + 1)
    .filter((entry) => entry !== undefined)
    .filter((entry) => entry.addressedTo === null && isFor(endpoint, entry));
}
