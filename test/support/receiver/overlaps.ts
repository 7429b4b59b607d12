// Which requests came while an earlier one to the same endpoint had not ended.

import type { JournalEntry } from './journal.ts';

type Timed = Pick<JournalEntry, 'endpoint' | 'begunAt' | 'endedAt'>;

/** `entries` stand in the order in which they were whole. */
export function overlapping<Entry extends Timed>(entries: readonly Entry[]): Entry[] {
  const ends = new Map<string, number>();
  return entries.filter(({ endpoint, begunAt, endedAt }) => {
    const end = ends.get(endpoint) ?? -Infinity;
    ends.set(endpoint, Math.max(end, endedAt ?? Infinity));
    return begunAt < end;
  });
}
