// Numbers the delivery threads, so that no figure of one is taken for another's.

/** The numbers of those that are there, in their order. One that ends leaves its number to its successor. */
export function createThreadNumbers(): (present: readonly object[]) => number[] {
  const numbers = new WeakMap<object, number>();

  function numberOf(thread: object, taken: Set<number | undefined>): number {
    let number = numbers.get(thread);
    if (number === undefined) {
      for (number = 0; taken.has(number);) number += 1;
      numbers.set(thread, number);
      taken.add(number);
    }
    return number;
  }

  return (present) => {
    const taken = new Set(present.map((thread) => numbers.get(thread)));
    return present.map((thread) => numberOf(thread, taken));
  };
}
