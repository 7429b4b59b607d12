// Whether the database still holds the log that was read from it: a restored one, or a replica that lagged, does not.

import type { LogEntry } from './entry.ts';

/** An event that is known to have had this place in the log. */
export type Known = Pick<LogEntry, 'position' | 'id'>;

/** What the database says of a known position: the log's head, and the id of the event there, null when there is none. */
export type Told = { head: number; idAtKnown: string | null };

/**
 * Whether the log lost what is known of it. That there is no event any more at a position below the head says nothing:
 * old ones are purged.
 */
export function isLost(known: Known | null, { head, idAtKnown }: Told): boolean {
  if (known === null) return false;
  return known.position > head || (idAtKnown !== null && idAtKnown !== known.id);
}

/** The one that is farther on. */
export function further(known: Known | null, other: Known | null | undefined): Known | null {
  if (!other) return known;
  return known === null || other.position > known.position ? { position: other.position, id: other.id } : known;
}
