// How many endpoints /metrics names: a bounded number of figures, whatever the number of endpoints.

const mostNamed = 200;

/** Whether so many endpoints can each have counters of their own. */
export function isNamed(endpoints: number): boolean {
  return endpoints <= mostNamed;
}

/** The figures that an operator would look at first: the highest. */
export function worst<T>(figures: readonly T[], valueOf: (figure: T) => number): T[] {
  if (isNamed(figures.length)) return [...figures];
  return figures.toSorted((one, other) => valueOf(other) - valueOf(one)).slice(0, mostNamed);
}
