// What an instance knows of the log, by which it notices a database that lost the log's end. Pure.

import type { LogEntry } from '../log/entry.ts';

/** An event that is known to have had this place in the log. */
export type Known = Pick<LogEntry, 'position' | 'id'>;

/** What the database says of a known position: the log's head, and the id of the event there, null when there is none. */
export type Told = { head: number; idAtKnown: string | null };

export type Knowledge = {
  /** The event that the next beat asks for. */
  asks(): Known | null;
  /** An event was read, or sent. */
  learn(event: Known | null | undefined): void;
  /** It stands in the hot tail where another event was numbered here: the database has to say which of them it holds. */
  contest(found: Known): void;
  /** The log reached to here, in this history or one before: nothing new may get a position below. */
  readonly reach: number;
  /** Whether the end of the log is lost, by what the database told of `asked`; `isOther`: it told of another history. */
  misses(asked: Known | null, told: Told, isOther: boolean): boolean;
  /** Takes an answer that misses nothing; returns whether what was asked for had been contested. */
  settle(asked: Known | null, told: Told): boolean;
  /** Another history begins, whose last event is this one. */
  restart(last: Known | null): void;
};

export function createKnowledge(): Knowledge {
  let known: Known | null = null;
  let contested: Known | null = null;
  let reach = 0;

  return {
    asks: () => contested ?? known,
    learn(event) {
      known = further(known, event);
    },
    contest(found) {
      contested = found;
    },
    get reach() {
      return reach;
    },
    misses(asked, told, isOther) {
      // As of the question: what was read since then may not be in the answer.
      reach = Math.max(reach, asked?.position ?? 0);
      // In another history that goes on above all that is known, what is known was given up by whoever began it.
      return told.head < reach || (!isOther && isLost(asked, told));
    },
    settle(asked, { head }) {
      reach = head;
      const isSettled = contested !== null && asked === contested;
      if (isSettled) contested = null;
      return isSettled;
    },
    restart(last) {
      known = last;
      contested = null;
    },
  };
}

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
