// What stood settled above an endpoint's place when it was read: each is passed over once, and again after a step back. Pure.

export type Settled = {
  /** Passes a position; whether it is settled. */
  pass(position: number): boolean;
  /** Some are yet to be passed. */
  readonly passing: boolean;
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
    get passing() {
      return ahead.size > 0;
    },
    stepBack(to) {
      ahead = new Set([...all].filter((position) => position > to));
    },
    forget(below) {
      for (const position of all) if (position < below) all.delete(position);
    },
  };
}
