// Lets a limited number of transactions through at once, so that a burst waits here and not for a connection.

import { Refusal } from '../policy/refusal.ts';

export type Gate = {
  /** Runs `work` when there is room, in the order of the calls. Throws Refusal UNAVAILABLE when that takes too long. */
  pass<T>(work: () => Promise<T>): Promise<T>;
  /** Refuses everybody who waits. */
  turnAway(error: Error): void;
};

export type GateOptions = {
  /** Most that are inside at once. */
  most: number;
  /** Most that wait. */
  mostWaiting: number;
  /** The longest wait. */
  waitMs: number;
};

type Waiting = { enter: () => void; refuse: (error: Error) => void };

export function createGate({ most, mostWaiting, waitMs }: GateOptions): Gate {
  const waiting = new Set<Waiting>();
  let inside = 0;

  async function enter(): Promise<void> {
    if (inside < most) {
      inside += 1;
      return;
    }
    if (waiting.size >= mostWaiting) throw busy();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const one: Waiting = { enter: resolve, refuse: reject };
    const timer = setTimeout(() => reject(busy()), waitMs);
    waiting.add(one);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(one);
    }
  }

  function leave(): void {
    const [next] = waiting;
    if (!next) {
      inside -= 1;
      return;
    }
    // The next one gets the room of the one who leaves.
    waiting.delete(next);
    next.enter();
  }

  return {
    async pass(work) {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
    turnAway(error) {
      for (const { refuse } of waiting) refuse(error);
      waiting.clear();
    },
  };
}

function busy(): Refusal {
  return new Refusal('UNAVAILABLE', 'Too many changes wait for the database. Nothing was changed; try again.');
}
