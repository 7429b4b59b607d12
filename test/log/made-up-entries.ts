// Entries of a made-up log, and rows of a stored one.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogEntry } from '../../src/log/entry.ts';
import { storeSeries } from '../support/recorded-events.ts';

/** The entry that stands at a position of the made-up log. */
export function entryAt(position: number, given: Partial<LogEntry> = {}): LogEntry {
  return {
    position,
    id: `event-${position}`,
    type: 'order.paid',
    subject: null,
    addressedTo: null,
    notFor: null,
    configuration: 0,
    payload: `{"n":${position}}`,
    traceparent: null,
    ...given,
  };
}

/** `count` entries from `first` on. */
export function entriesFrom(first: number, count: number): LogEntry[] {
  return Array.from({ length: count }, (_, index) => entryAt(first + index));
}

/** Stores events that have the positions from `first` to `last` already, of the given payload size in bytes. */
export async function storePositioned(orm: MikroORM, first: number, last: number, bytes = 10): Promise<void> {
  await storeSeries(orm, first, last, { payload: `repeat('x', ${bytes})` });
  await orm.em.fork().execute('update webhook_log_head set position = greatest(position, ?)', [last]);
}
