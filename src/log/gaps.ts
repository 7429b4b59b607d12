// Gaps of the log: positions that no event has, because the log went on above them when its database had lost its tail.

/** From `first` to `last`, both included. */
export type Gap = { first: number; last: number };

/**
 * The position after which reading goes on: the last one of a gap, for a position inside it or just before it, and
 * the position itself for all others. `gaps` are in order.
 */
export function pastGap(gaps: readonly Gap[], position: number): number {
  return gaps.reduce((at, { first, last }) => (at >= first - 1 && at < last ? last : at), position);
}
