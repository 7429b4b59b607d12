// How many endpoints /metrics names: a bounded number of figures, whatever the number of endpoints.

const mostNamed = 200;

/** Whether so many endpoints can each have counters of their own. */
export function isNamed(endpoints: number): boolean {
  return endpoints <= mostNamed;
}

/** What an operator would look at first: of many the highest, in that order. Of null nothing is known: it is left out. */
export function worst<T>(all: readonly T[], valueOf: (one: T) => number | null): T[] {
  const known = all.filter((one) => valueOf(one) !== null);
  if (isNamed(known.length)) return known;
  const value = (one: T) => valueOf(one)!;
  // To sort numbers alone is the quicker by far.
  const least = Float64Array.from(known, value).sort().at(-mostNamed)!;
  const above = known.filter((one) => value(one) > least);
  const equal = known.filter((one) => value(one) === least);
  const most = [...above, ...equal.slice(0, mostNamed - above.length)];
  return most.toSorted((one, other) => value(other) - value(one));
}
