// Checks that the database still holds the log that was read from it: a restored one, or a replica that lagged, does not. Pure.

import type { LogEntry } from '../log/entry.ts';

/** An event that is known to have had this position. */
export type Known = Pick<LogEntry, 'position' | 'id'>;

/** No database loses more positions than this at once. */
const mostLost = 2 ** 36;

/** What the database says of a known position: the log's head, and the id of the event there; null when there is none. */
export type LogAnswer = { head: number; idAtKnown: string | null };

export type LogCheck = {
  /** The event that the next heartbeat asks for. */
  question(): Known | null;
  /** An event was read, or sent. */
  learn(event: Known | null | undefined): void;
  /** The stream holds this event where another one was numbered here: the database has to say which of them is right. */
  contest(found: Known): void;
  /** The highest position that is known, of this history or one before. No new event may get it, or a lower one. */
  readonly highest: number;
  /** Whether the end of the log is lost. `isOther`: the answer is that of another history than before. */
  misses(asked: Known | null, answer: LogAnswer, isOther: boolean): boolean;
  /** Whether the event is farther above the log's head than any loss explains: then nobody numbered it, and it is forgotten. */
  disbelieves(asked: Known | null, answer: LogAnswer): boolean;
  /** Takes an answer that misses nothing. Returns whether it decides about a contested event. */
  accept(asked: Known | null, answer: LogAnswer): boolean;
  /** Another history begins, whose last event is this one. */
  restart(last: Known | null): void;
};

export function createLogCheck(): LogCheck {
  let known: Known | null = null;
  let contested: Known | null = null;
  let highest = 0;

  return {
    question: () => contested ?? known,
    learn(event) {
      known = further(known, event);
    },
    contest(found) {
      contested = found;
    },
    get highest() {
      return highest;
    },
    misses(asked, answer, isOther) {
      // Only what was known when the question was asked: the answer may not show what was read since.
      highest = Math.max(highest, asked?.position ?? 0);
      // Whoever began another history above all that is known here has given up what follows in the old one.
      return answer.head < highest || (!isOther && isLost(asked, answer));
    },
    disbelieves(asked, { head }) {
      if (asked === null || asked.position <= head + mostLost) return false;
      if (known === asked) known = null;
      if (contested === asked) contested = null;
      return true;
    },
    accept(asked, { head }) {
      highest = head;
      const isDecided = contested !== null && asked === contested;
      if (isDecided) contested = null;
      return isDecided;
    },
    restart(last) {
      known = last;
      contested = null;
    },
  };
}

/**
 * Whether the log has lost the known event. A position below the head without an event proves nothing: old events are
 * purged.
 */
export function isLost(known: Known | null, { head, idAtKnown }: LogAnswer): boolean {
  if (known === null) return false;
  return known.position > head || (idAtKnown !== null && idAtKnown !== known.id);
}

/** The one with the higher position. */
export function further(known: Known | null, other: Known | null | undefined): Known | null {
  if (!other) return known;
  return known === null || other.position > known.position ? { position: other.position, id: other.id } : known;
}
