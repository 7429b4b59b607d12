// How an instance says that its delivery threads begin and end, and how that is waited for.

import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningService } from '../support/service.ts';

export const threadBegins = 'a thread begins';
export const threadEnds = 'a thread ends';

/** When the next thread ended, and when another stood in its place; null when the signal comes before both. */
export function watchThreads({ lines }: RunningService) {
  const seen = lines.length;
  const timeOf = (what: string) => lines.slice(seen).find(({ msg }) => msg === what)?.['at'] as number | undefined;
  return async (signal: AbortSignal): Promise<{ at: number; goesOnAt: number } | null> => {
    while (!signal.aborted) {
      const [at, begunAt] = [timeOf(threadEnds), timeOf(threadBegins)];
      if (at !== undefined && begunAt !== undefined) return { at, goesOnAt: Math.max(at, begunAt) };
      await sleep(20);
    }
    return null;
  };
}
