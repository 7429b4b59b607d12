// The positions above an endpoint's cursor that were settled when it was loaded: the actor skips each of them once. Pure.

export class Settled {
  #all: Set<number>;
  #ahead: Set<number>;
  /** Those of events for the endpoint that were skipped. */
  #skipped: number[] = [];

  constructor(positions: Iterable<number>) {
    this.#all = new Set(positions);
    this.#ahead = new Set(this.#all);
  }

  has(position: number): boolean {
    return this.#all.has(position);
  }

  /** Whether the position is settled; the actor skips it then, and it is not ahead any more. `isFor`: it is for the endpoint. */
  skip(position: number, isFor: boolean): boolean {
    const isSettled = this.#ahead.delete(position);
    if (isSettled && isFor) this.#skipped.push(position);
    return isSettled;
  }

  /** How many events for the endpoint were skipped above `position`. */
  skippedAbove(position: number): number {
    return this.#skipped.filter((other) => other > position).length;
  }

  /**
   * True while a settled position above `position` has not been skipped yet. An event that the filter no longer asks for is
   * never skipped, as the actor does not see it.
   */
  isAhead(position: number): boolean {
    return [...this.#ahead].some((other) => other > position);
  }

  /** What follows `position` is read again, and skipped again. */
  stepBack(to: number): void {
    this.#ahead = new Set([...this.#all].filter((position) => position > to));
    this.#skipped = this.#skipped.filter((position) => position <= to);
  }

  /** What is below `position` is never read again. */
  forget(below: number): void {
    for (const position of this.#all) if (position < below) this.#all.delete(position);
    this.#skipped = this.#skipped.filter((position) => position >= below);
  }
}
