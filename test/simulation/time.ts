// The one clock of a simulated world, with what is due by it.

/** `run` is null once it was cancelled. */
type Due = { at: number; order: number; run: (() => void) | null };

export type Time = {
  /** Milliseconds since the world began. */
  now(): number;
  /** Calls back after `delayMs`; of two at one time the first that was asked for comes first. Returns what cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Lets the next thing happen that is due up to `end`; false when there is none, and then it is `end`. */
  step(end: number): boolean;
  /** How much is due yet. */
  readonly size: number;
};

/** A power of two: sums and differences of times are exact, or what waits for the last bit of one would go round for ever. */
const ticksPerMs = 1_024;

export function createTime(): Time {
  /** A binary heap, the earliest first. */
  const heap: Due[] = [];
  let made = 0;
  let now = 0;

  function push(due: Due): void {
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (!isBefore(due, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  function pop(): Due {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  return {
    now: () => now,
    after(delayMs, run) {
      const due: Due = { at: now + Math.ceil(Math.max(0, delayMs) * ticksPerMs) / ticksPerMs, order: (made += 1), run };
      push(due);
      return () => {
        due.run = null;
      };
    },
    step(end) {
      while (heap.length > 0 && heap[0]!.at <= end) {
        const { at, run } = pop();
        if (!run) continue;
        now = at;
        run();
        return true;
      }
      now = end;
      return false;
    },
    get size() {
      return heap.length;
    },
  };
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
