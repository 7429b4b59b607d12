// The positions above an endpoint's cursor that were settled when it was loaded: the actor skips each of them once. Pure.

export type Settled = {
  /** Whether the position is settled; the actor skips it then, and it is not ahead any more. */
  skip(position: number): boolean;
  /**
   * True while a settled position above `position` has not been skipped yet. An event that the filter no longer asks for is
   * never skipped, as the actor does not see it.
   */
  isAhead(position: number): boolean;
  /** What follows `position` is read again, and skipped again. */
  stepBack(position: number): void;
  /** What is below `position` is never read again. */
  forget(position: number): void;
};

export function createSettled(positions: Iterable<number>): Settled {
  const all = new Set(positions);
  let ahead = new Set(all);

  return {
    skip: (position) => ahead.delete(position),
    isAhead: (reached) => [...ahead].some((position) => position > reached),
    stepBack(to) {
      ahead = new Set([...all].filter((position) => position > to));
    },
    forget(below) {
      for (const position of all) if (position < below) all.delete(position);
    },
  };
}
