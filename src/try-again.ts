// The loop of everything that waits for a server: it tries a step again until it succeeds.

import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Returns what `step` gives once it succeeds. `waitAfter` is told each error and how many came before it; it gives the wait
 * in ms until the next try, or throws to end the tries. `signal` cuts a wait short.
 */
export async function tryAgain<T>(
  step: () => Promise<T>,
  waitAfter: (error: unknown, failures: number) => number,
  signal?: AbortSignal,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await step();
    } catch (error) {
      await sleep(waitAfter(error, failures), undefined, { ...(signal && { signal }) }).catch(() => {});
    }
  }
}
