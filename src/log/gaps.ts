// Gaps of the log: positions that no event has, because the database had lost the log's end and the log went on above them.

/** From `first` to `last`, both included. */
export type Gap = { first: number; last: number };

/**
 * The position after which the log continues: for a position inside a gap or just before it, the gap's last one, and
 * otherwise the position itself. `gaps` are in order.
 */
export function pastGap(gaps: readonly Gap[], position: number): number {
  return gaps.reduce((at, { first, last }) => (at >= first - 1 && at < last ? last : at), position);
}
