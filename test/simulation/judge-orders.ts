// Judges what became of each order in a simulated world, once everything is over.

import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Each was carried out once or not at all, as whoever asked was told, and nothing was skipped that had been delivered. */
export function judgeOrders({ history, postgres: { tables } }: World): void {
  // What a database has lost, nobody can be told of.
  if (history.restoredAt.length > 0) return;
  for (const [id, { kind, endpoint, eventId, seen, carriedOut }] of history.orders) {
    const name = `${id}, to ${kind} at ${endpoint},`;
    if (carriedOut.length > 1) throw new Violation(`${name} was carried out ${carriedOut.length} times`);
    const [outcome] = carriedOut;
    if (seen === 'withdrawn' && outcome) throw new Violation(`${name} was withdrawn and carried out`);
    if (seen !== null && seen !== 'withdrawn' && seen !== outcome) {
      throw new Violation(`${name} is said to be ${seen}, and was ${outcome}`);
    }
    const rows = tables.rows.filter(({ by }) => by === id);
    const expected = kind === 'skip' && outcome === 'done' ? 1 : 0;
    if (rows.length !== expected) {
      throw new Violation(`${name} was ${outcome ?? 'not carried out'}, and made ${rows.length} rows`);
    }
    for (const skip of rows) {
      const delivered = tables.rows.find((row) => {
        const isOfLine = row.endpoint === endpoint && row.generation === skip.generation && row.origin === 'line';
        const isBefore = history.durableAt.get(row.id)! < history.durableAt.get(skip.id)!;
        return isOfLine && row.eventId === eventId && row.status === 'delivered' && isBefore;
      });
      if (delivered) throw new Violation(`${name} skipped ${delivered.position}, which was delivered`);
    }
  }
}
