// The pool of delivery threads: each endpoint's turns go to one thread, where its connection is.

import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina, queueOptionsSymbol } from 'piscina';
import { hash } from '../policy/hash.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openControl } from './control.ts';
import type { ThreadData } from './open-thread.ts';
import { type Turn, type TurnReport, maxSlots } from './turn.ts';

export type ThreadPool = AsyncDisposable & {
  /** Runs a turn; `lost` when it did not come back, with the index of the event that was on the wire, if any. */
  runTurn(turn: Turn): Promise<{ report: TurnReport } | { lost: { current: number | null } }>;
  /** Stops a turn before its next request. */
  interrupt(slot: number): void;
  /** Turns of this lease epoch may begin requests for `forMs` more; turns of other epochs may not. */
  trust(lease: Turn['lease'], forMs: number): void;
};

/** A thread that cannot reach Postgres does not delay the end for longer. */
const closeWithinMs = 3_000;

/** Read by the balancer only; it is not sent to the thread. */
type Route = { thread: number };

/** Starts `threads` threads and waits until each one is ready. */
export async function openThreadPool({
  threads,
  threadFile = new URL('./thread.ts', import.meta.url).href,
  log,
  ...data
}: Omit<ThreadData, 'controlMemory' | 'log'> & {
  threads: number;
  /** A test's own program for the threads. */
  threadFile?: string | undefined;
  log: { logger: Logger; options: ThreadData['log'] };
}): Promise<ThreadPool> {
  const control = openControl();
  const pool = new Piscina({
    filename: threadFile,
    workerData: { ...data, controlMemory: control.memory, log: log.options } satisfies ThreadData,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: maxSlots,
    // The default freezes an idle thread's event loop, and its sockets with it.
    atomics: 'disabled',
    // bin/tidings keeps the heaps of the process small; deliveries make their garbage here.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
    recordTiming: false,
    workerHistogram: false,
    loadBalancer(task, workers) {
      const { thread } = task[queueOptionsSymbol] as Route;
      return workers[thread % workers.length] ?? null;
    },
  });
  let running = 0;
  let closing = false;
  pool.on('error', (error: Error) => log.logger.error({ reason: error.message }, 'a delivery thread failed'));

  return {
    async runTurn(turn) {
      control.begin(turn.slot);
      const routed = { ...turn, [queueOptionsSymbol]: { thread: hash(turn.receiver.id) } satisfies Route };
      running += 1;
      try {
        return { report: (await pool.run(routed)) as TurnReport };
      } catch (error) {
        // A turn that closing cuts off has spent no attempt; its event is sent again after the next start.
        if (closing) return { lost: { current: null } };
        log.logger.error({ endpoint_id: turn.receiver.id, reason: (error as Error).message }, 'a turn was lost');
        return { lost: { current: control.current(turn.slot) } };
      } finally {
        running -= 1;
      }
    },
    interrupt: control.stop,
    trust: control.trust,
    /**
     * Ends the threads. When no turn runs, they first write what they still have; else they end at once, and what is on
     * the wire is sent again after the next start. (Piscina's own close does neither.)
     */
    async [Symbol.asyncDispose]() {
      closing = true;
      if (running === 0) {
        const ends = pool.threads.map((_, thread) => {
          return pool.run({ [queueOptionsSymbol]: { thread } satisfies Route }, { name: 'close' });
        });
        await Promise.race([Promise.allSettled(ends), sleep(closeWithinMs, undefined, { ref: false })]);
      }
      await pool.destroy();
    },
  };
}
