// A bulkhead: a bounded number of transactions run at once, so that a burst waits here and not for a connection.

import { Refusal } from '../policy/refusal.ts';

export type Bulkhead = {
  /** Runs `work` when there is room, in the order of the calls. Refusal UNAVAILABLE when that takes too long. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Rejects all calls that wait. */
  rejectWaiting(error: Error): void;
};

export type BulkheadOptions = {
  /** Most that run at once. */
  mostRunning: number;
  /** Most that wait. */
  mostWaiting: number;
  /** The longest wait. */
  waitMs: number;
};

type Waiting = { begin: () => void; reject: (error: Error) => void };

export function createBulkhead({ mostRunning, mostWaiting, waitMs }: BulkheadOptions): Bulkhead {
  const waiting = new Set<Waiting>();
  let running = 0;

  async function begin(): Promise<void> {
    if (running < mostRunning) {
      running += 1;
      return;
    }
    if (waiting.size >= mostWaiting) throw busy();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const one: Waiting = { begin: resolve, reject };
    const timer = setTimeout(() => reject(busy()), waitMs);
    waiting.add(one);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(one);
    }
  }

  function end(): void {
    const [next] = waiting;
    if (!next) {
      running -= 1;
      return;
    }
    // The next one takes over this one's room.
    waiting.delete(next);
    next.begin();
  }

  return {
    async run(work) {
      await begin();
      try {
        return await work();
      } finally {
        end();
      }
    },
    rejectWaiting(error) {
      for (const { reject } of waiting) reject(error);
      waiting.clear();
    },
  };
}

function busy(): Refusal {
  return new Refusal('UNAVAILABLE', 'Too many changes wait for the database. Nothing was changed; try again.');
}
