// What stood settled above an endpoint's place when it was read: each is passed over once, and again after a step back. Pure.

export type Settled = {
  /** Passes a position; whether it is settled. */
  pass(position: number): boolean;
  /** Whether some above `position` are yet to be passed; of an event that is not for the endpoint any more nobody tells. */
  isAhead(position: number): boolean;
  /** What follows `position` is read again. */
  stepBack(position: number): void;
  /** What is below `position` is never read again. */
  forget(position: number): void;
};

export function createSettled(positions: Iterable<number>): Settled {
  const all = new Set(positions);
  let ahead = new Set(all);

  return {
    pass: (position) => ahead.delete(position),
    isAhead: (reached) => [...ahead].some((position) => position > reached),
    stepBack(to) {
      ahead = new Set([...all].filter((position) => position > to));
    },
    forget(below) {
      for (const position of all) if (position < below) all.delete(position);
    },
  };
}
