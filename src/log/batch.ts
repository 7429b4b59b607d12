// One batch of the event log, as the stream carries it, with the limits that bound the stream.

import type { LogEntry } from './entry.ts';

/** An entry whose payload is null has a large one: it is read from the table. */
export type BatchEntry = Omit<LogEntry, 'payload'> & { payload: string | null };

/** Consecutive entries, at least one. */
export type Batch = readonly BatchEntry[];

/** Bytes of a batch count payloads and all that stands beside them. */
export const batchLimits = { events: 64, bytes: 64 * 1024, payloadBytes: 16 * 1024 };

export type BatchLimits = typeof batchLimits;

export function lastOf(batch: Batch): BatchEntry {
  return batch.at(-1)!;
}
