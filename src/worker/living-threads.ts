// Watches that every delivery thread starts, and that one which ends is replaced.
//
// Piscina replaces no thread any more once one has ended before it had started. So that is the end of the pool.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';

export type LivingThreads = {
  /** How many threads have started and not ended. */
  count(): number;
  /** Resolves when every thread has answered; rejects when one cannot. */
  started(): Promise<void>;
};

export function watchThreads({
  pool,
  threads,
  startWithinMs,
  ask,
  onEnd,
}: {
  pool: Piscina;
  threads: number;
  /** A thread that gives no answer for so long is not started. */
  startWithinMs: number;
  /** Asks a thread for an answer. */
  ask(thread: number): Promise<unknown>;
  /** A thread has ended, and no other takes its place. */
  onEnd(reason: string): void;
}): LivingThreads {
  const noAnswer = `no answer within ${startWithinMs / 1000} s`;
  let living = threads;
  let start: NodeJS.Timeout | null = null;
  let why = 'nobody knows why';
  const known = new WeakSet<Worker>();

  /** Of a thread that ends by an error, its exit may be heard before anything else is done. */
  function hearEnd(thread: Worker): void {
    if (known.has(thread)) return;
    known.add(thread);
    let error: Error | null = null;
    thread.once('error', (thrown: Error) => {
      error = thrown;
      why = thrown.message;
    });
    thread.once('exit', (code) => {
      if (!error) why = `it exited with code ${code}`;
    });
  }

  pool.threads.forEach(hearEnd);
  pool.on('workerDestroy', () => {
    living -= 1;
    start ??= setTimeout(() => onEnd(noAnswer), startWithinMs).unref();
    // Piscina starts another in the same step, or never.
    queueMicrotask(() => {
      pool.threads.forEach(hearEnd);
      if (pool.threads.length < threads) onEnd(why);
    });
  });

  return {
    count: () => living,
    async started() {
      const answered = Promise.all(Array.from({ length: threads }, (_, thread) => ask(thread)));
      const late = new AbortController();
      try {
        await Promise.race([
          answered,
          sleep(startWithinMs, undefined, { signal: late.signal }).then(() => Promise.reject(new Error(noAnswer))),
        ]);
      } finally {
        late.abort();
      }
      // Until then each thread counted as started from its beginning.
      pool.on('workerCreate', () => {
        living += 1;
        if (living < threads || !start) return;
        clearTimeout(start);
        start = null;
      });
    },
  };
}
