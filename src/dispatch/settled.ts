// The positions above an endpoint's cursor that were settled when it was loaded: the actor skips each of them once. Pure.

export type Settled = {
  has(position: number): boolean;
  /** Whether the position is settled; the actor skips it then, and it is not ahead any more. `isFor`: it is for the endpoint. */
  skip(position: number, isFor: boolean): boolean;
  /** How many events for the endpoint were skipped above `position`. */
  skippedAbove(position: number): number;
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
  let skipped: number[] = [];

  return {
    has: (position) => all.has(position),
    skip(position, isFor) {
      const isSettled = ahead.delete(position);
      if (isSettled && isFor) skipped.push(position);
      return isSettled;
    },
    skippedAbove: (position) => skipped.filter((other) => other > position).length,
    isAhead: (reached) => [...ahead].some((position) => position > reached),
    stepBack(to) {
      ahead = new Set([...all].filter((position) => position > to));
      skipped = skipped.filter((position) => position <= to);
    },
    forget(below) {
      for (const position of all) if (position < below) all.delete(position);
      skipped = skipped.filter((position) => position >= below);
    },
  };
}
