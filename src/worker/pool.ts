// The pool of delivery threads: each endpoint's turns go to one thread, where its connection is.
//
// It is crash-only: a thread that ends is replaced, and when that fails the process ends. Its leases run out then, and other
// instances take over.

import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina, queueOptionsSymbol } from 'piscina';
import { hash } from '../policy/hash.ts';
import { StartError } from '../settings/start-error.ts';
import type { LogOptions, Logger, TakeLines } from '../telemetry/logger.ts';
import { openControl } from './control.ts';
import { watchThreads } from './living-threads.ts';
import { createThreadNumbers } from './thread-numbers.ts';
import type { RowsCheck, ThreadData, ThreadMessage } from './open-thread.ts';
import { type EndedTurn, type Turn, type TurnOutcome, maxSlots } from './turn.ts';

export type ThreadPool = AsyncDisposable & {
  runTurn(turn: Turn): Promise<TurnOutcome>;
  /** Stops a turn before its next request. */
  interrupt(slot: number): void;
  /** Turns of this lease epoch may begin requests for `forMs` more; turns of other epochs may not. */
  trust(lease: Turn['lease'], forMs: number): void;
  /** Asks every thread how it is, and waits so long for their answers. */
  check(withinMs: number): Promise<ThreadsCheck>;
  /** For how long each thread's event loop has been busy since it started. A successor has the number of the one that ended. */
  active(): { thread: number; ms: number }[];
  /** Rejects when a thread has ended and cannot be replaced. */
  readonly failed: Promise<never>;
};

/** How many threads there should be, and how many answer. Of those that do: their rows, and why one of them cannot write its own. */
export type ThreadsCheck = {
  threads: number;
  answering: number;
  /** Not durable yet. */
  rows: number;
  /** For how long a thread could write none; 0: each can. */
  stuckMs: number;
  unwritten: string | null;
};

/** A thread that cannot reach Postgres does not delay the end for longer. */
const closeWithinMs = 3_000;

/** Read by the balancer only; it is not sent to the thread. */
type Route = { thread: number };

export type ThreadPoolOptions = Omit<ThreadData, 'controlMemory' | 'log'> & {
  threads: number;
  /** A test's own program for the threads. */
  threadFile?: string | undefined;
  /** How long a thread may take until it answers. */
  startWithinMs?: number | undefined;
  log: { logger: Logger; takeLines: TakeLines; options: LogOptions };
};

/** Starts `threads` threads and waits until each one has answered. Throws a StartError when one does not. */
export async function openThreadPool({
  threads,
  threadFile = new URL('./thread.ts', import.meta.url).href,
  startWithinMs = 30_000,
  log: { logger, takeLines, options },
  ...data
}: ThreadPoolOptions): Promise<ThreadPool> {
  const control = openControl();
  const pool = startThreads(threadFile, threads, { ...data, controlMemory: control.memory, log: options });
  const numbersOf = createThreadNumbers();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  let running = 0;
  let closing = false;
  pool.on('error', (error: Error) => logger.error({ reason: error.message }, 'a delivery thread failed'));
  pool.on('message', ({ logLines }: ThreadMessage) => takeLines(logLines));

  const living = watchThreads({
    pool,
    threads,
    startWithinMs,
    ask: (thread) => runIn(thread, 'check'),
    onEnd(reason) {
      if (closing) return;
      closing = true;
      logger.fatal({ reason }, 'a delivery thread has ended and cannot be replaced; the process ends');
      failed.reject(new Error(`a delivery thread has ended and cannot be replaced: ${reason}`));
    },
  });

  /** Calls another function of a thread's program. */
  function runIn(thread: number, name: 'check' | 'close'): Promise<unknown> {
    return pool.run({ [queueOptionsSymbol]: { thread } satisfies Route }, { name });
  }

  /** Ends the threads. (Piscina's own close neither waits for `close` nor ends what runs.) */
  async function end(): Promise<void> {
    closing = true;
    await pool.destroy();
  }

  try {
    await living.started();
  } catch (error) {
    await end();
    throw cannotStart(error);
  }

  return {
    async runTurn(turn) {
      control.begin(turn.slot);
      const routed = { ...turn, [queueOptionsSymbol]: { thread: hash(turn.endpoint.id) } satisfies Route };
      running += 1;
      try {
        return (await pool.run(routed)) as EndedTurn;
      } catch (error) {
        // A turn that closing cuts off has spent no attempt; its event is sent again after the next start.
        if (closing) return { lost: { current: null } };
        logger.error({ endpoint_id: turn.endpoint.id, reason: (error as Error).message }, 'a turn was lost');
        return { lost: { current: control.current(turn.slot) } };
      } finally {
        running -= 1;
      }
    },
    interrupt: control.stop,
    trust: control.trust,
    async check(withinMs) {
      const answers: RowsCheck[] = [];
      const asked = Array.from({ length: living.count() }, async (_, thread) => {
        answers.push((await runIn(thread, 'check')) as RowsCheck);
      });
      await Promise.race([Promise.allSettled(asked), sleep(withinMs, undefined, { ref: false })]);
      return {
        threads,
        answering: answers.length,
        rows: answers.reduce((sum, { rows }) => sum + rows, 0),
        stuckMs: Math.max(0, ...answers.map(({ stuckMs }) => stuckMs)),
        unwritten: answers.find(({ problem }) => problem !== null)?.problem ?? null,
      };
    },
    active() {
      const present = pool.threads;
      const numbers = numbersOf(present);
      return present.map(({ performance }, index) => {
        return { thread: numbers[index]!, ms: performance.eventLoopUtilization().active };
      });
    },
    failed: failed.promise,
    /** When no turn runs, the threads first write what they still have; else they end at once, and what is on the wire is sent again after the next start. */
    async [Symbol.asyncDispose]() {
      closing = true;
      if (running === 0) {
        const ends = Array.from({ length: living.count() }, (_, thread) => runIn(thread, 'close'));
        await Promise.race([Promise.allSettled(ends), sleep(closeWithinMs, undefined, { ref: false })]);
      }
      await end();
    },
  };
}

function startThreads(filename: string, threads: number, workerData: ThreadData): Piscina {
  try {
    return new Piscina({
      filename,
      workerData,
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
  } catch (error) {
    // The system gives the process no more threads.
    throw cannotStart(error);
  }
}

function cannotStart(error: unknown): StartError {
  return new StartError(
    `A delivery thread could not be started: ${error instanceof Error ? error.message : String(error)}`,
  );
}
