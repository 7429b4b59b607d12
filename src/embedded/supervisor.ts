// Starts a local server again when it dies under the running service.

import { setTimeout as sleep } from 'node:timers/promises';

const checkEveryMs = 500;

/** A local server that the service started or took up; disposing stops it. */
export type EmbeddedServer = AsyncDisposable & {
  /** With its credentials: never to be logged. */
  url: string;
};

export type ServerLog = { info(message: string): void; warn(message: string): void };

export type SupervisorOptions = {
  /** As people call it, for the log. */
  name: string;
  isRunning: () => Promise<boolean>;
  /** Starts it where its clients look for it; on a failure it is called again at the next check, without end. */
  restart: () => Promise<void>;
  log: ServerLog;
};

/** Watches until disposed; disposing waits for a restart under way, and leaves the server as it is. */
export function supervise({ name, isRunning, restart, log }: SupervisorOptions): AsyncDisposable {
  const ending = new AbortController();
  const { signal } = ending;
  const watching = watch();

  async function watch(): Promise<void> {
    let lastComplaint = '';
    for (;;) {
      await sleep(checkEveryMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      if (await isRunning()) continue;
      if (lastComplaint === '') log.warn(`${name} ended unexpectedly; it is started again`);
      try {
        await restart();
        log.info(`${name} runs again`);
        lastComplaint = '';
      } catch (error) {
        const complaint = (error as Error).message;
        if (complaint !== lastComplaint) log.warn(complaint);
        lastComplaint = complaint;
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
