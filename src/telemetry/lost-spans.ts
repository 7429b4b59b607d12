// Counts spans that did not reach the collector, and says so in the log once a minute at most.

import type { Logger } from './logger.ts';

const tellEveryMs = 60_000;

export type LostSpans = {
  add(count: number, reason: string): void;
  /** Says what was not said yet. */
  tell(): void;
};

export function createLostSpans(log: Pick<Logger, 'warn'>, now = () => performance.now()): LostSpans {
  let untold = 0;
  let last = '';
  let toldAt = -Infinity;

  function tell(): void {
    if (untold === 0) return;
    log.warn({ spans: untold, reason: last }, 'spans were lost: the collector did not take them');
    untold = 0;
    toldAt = now();
  }

  return {
    add(count, reason) {
      untold += count;
      last = reason;
      if (now() - toldAt >= tellEveryMs) tell();
    },
    tell,
  };
}
