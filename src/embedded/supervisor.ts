// Restarts a local server that dies while the service runs.

import { setTimeout as sleep } from 'node:timers/promises';
import { retryDelaysMs } from '../policy/retry-delays.ts';

/** A local server that the service started or found running; disposal stops it. */
export type EmbeddedServer = AsyncDisposable & {
  /** Has credentials in it: never log it. */
  url: string;
};

export type ServerLog = { info(message: string): void; warn(message: string): void };

export type SupervisorOptions = {
  /** Its name in the log. */
  name: string;
  isRunning: () => Promise<boolean>;
  /** Starts it at its old address; after a failure it is called again at each check. */
  restart: () => Promise<void>;
  log: ServerLog;
};

/** Watches until disposed. Disposal waits for a restart under way, and does not stop the server. */
export function supervise({ name, isRunning, restart, log }: SupervisorOptions): AsyncDisposable {
  const ending = new AbortController();
  const { signal } = ending;
  const watching = watch();

  async function watch(): Promise<void> {
    let lastProblem = '';
    for (;;) {
      await sleep(retryDelaysMs.supervisor, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      if (await isRunning()) continue;
      if (lastProblem === '') log.warn(`${name} ended unexpectedly; it is started again`);
      try {
        await restart();
        log.info(`${name} runs again`);
        lastProblem = '';
      } catch (error) {
        const problem = (error as Error).message;
        if (problem !== lastProblem) log.warn(problem);
        lastProblem = problem;
      }
    }
  }

  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await watching;
    },
  };
}
