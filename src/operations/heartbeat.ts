// Asks Postgres once a second how far the log reaches, whatever Valkey says.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';

const everyMs = 1_000;

export type HeartbeatParts = {
  head(): Promise<number>;
  onHead(position: number): void;
  log: Pick<Logger, 'warn' | 'info'>;
};

/** Runs until disposed; a Postgres that is away is said once, and so is its return. */
export function startHeartbeat({ head, onHead, log }: HeartbeatParts): AsyncDisposable {
  const stopping = new AbortController();
  let away = false;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        onHead(await head());
        if (away) log.info('Postgres answers again');
        away = false;
      } catch {
        if (!away) log.warn('Postgres does not answer; deliveries pause until it does');
        away = true;
      }
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}
