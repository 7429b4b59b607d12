// Two sides measured in turn on a machine that others use too: what is said is the ratio, by its median.

export type Pair = {
  /** Of each side, in events a second. */
  ours: number;
  theirs: number;
  ratio: number;
};

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
