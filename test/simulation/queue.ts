// The simulated queue: what the relay sees of it, and how its events move to the log.

import type { LogEntry } from '../../src/log/entry.ts';
import type { Numbered } from '../../src/outbox/relay-steps.ts';
import type { Tables } from './tables.ts';

const batchEvents = 4;

/** Whether there is a batch to number, and what the relay's bound is made of. */
export function look(
  { queue, head, seq }: Tables,
  aboveSeq: number,
  publishers: readonly string[],
): Omit<Numbered, 'entries' | 'seq' | 'cut'> & { isEmpty: boolean } {
  const isEmpty = !queue.some((row) => row.seq > aboveSeq);
  return { isEmpty, position: head, highestSeq: seq, publishers: seq > aboveSeq ? publishers : [] };
}

/** Moves the next events from the queue to the log. */
export function number(tables: Tables, aboveSeq: number): Pick<Numbered, 'entries' | 'position' | 'seq' | 'cut'> {
  const configuration = tables.configurations.at(-1)!.version;
  const batch = tables.queue.filter(({ seq }) => seq > aboveSeq).slice(0, batchEvents);
  const entries = batch.map(({ id }): LogEntry => {
    tables.head += 1;
    const text = { subject: null, payload: '{}', traceparent: null };
    return { position: tables.head, id, ...text, ...tables.events.get(id)!, configuration };
  });
  for (const entry of entries) tables.log[entry.position] = entry;
  tables.queue = tables.queue.filter((row) => !batch.includes(row));
  return { entries, position: tables.head, seq: batch.at(-1)?.seq ?? 0, cut: batch.length === batchEvents };
}
