// Below which seq the relay need not look: nothing that is still to be committed lies there, however long its transaction takes.
//
// A publisher's transaction takes its lock on the queue before it takes a seq from the sequence. So whoever holds a seq up to
// a value that the sequence had is among the publishers who are seen later, until its transaction has ended. When all of them
// have ended, what they committed is visible to every look that begins then, and nothing else will come below that value.
//
//   sampled     a look reads the sequence's value
//   awaited     the next look sees the publishers; of them, those are awaited that each later look still sees
//   ended       none is left: a look that begins now sees all that they committed
//   the bound   such a look came, and what it saw was numbered
//
// Pure.

/** What a look saw, and up to where the batch went that followed it. */
export type Seen = {
  /** The highest one that was numbered; 0 for none. */
  seq: number;
  /** There may be more. */
  cut: boolean;
  /** When the batch began, no event had a higher seq, committed or not. */
  highestSeq: number;
  /**
   * The transactions that had begun to record events and had not ended then. Each has one name, and no later one has it.
   * None are told when `highestSeq` is the seq above which the batch began.
   */
  publishers: readonly string[];
};

export type RelayBound = {
  value(): number;
  learn(seen: Seen): void;
};

export function createRelayBound(): RelayBound {
  let bound = 0;
  let sampled: number | null = null;
  let awaited: { seq: number; publishers: ReadonlySet<string> } | null = null;
  let ended: number | null = null;

  return {
    value: () => bound,
    learn({ seq, cut, highestSeq, publishers }) {
      const present = new Set(publishers);
      if (ended !== null) {
        // A batch that was cut has left something above its last one.
        bound = Math.max(bound, cut ? Math.min(ended, seq) : ended);
        ended = null;
      }
      if (awaited !== null) awaited = { ...awaited, publishers: awaited.publishers.intersection(present) };
      else if (sampled !== null) awaited = { seq: sampled, publishers: present };
      if (awaited?.publishers.size === 0) {
        ended = awaited.seq;
        awaited = null;
      }
      sampled = highestSeq;
    },
  };
}
