// Waits for a condition by asking again, with an end.

import { setTimeout as sleep } from 'node:timers/promises';

/** Asks every `everyMs` until the answer is not null; throws after `withinMs`, naming what was awaited. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null>,
  { everyMs, withinMs }: { everyMs: number; withinMs: number },
): Promise<T> {
  for (const giveUpAt = performance.now() + withinMs; performance.now() < giveUpAt; await sleep(everyMs)) {
    const answer = await ask();
    if (answer !== null) return answer;
  }
  throw new Error(`${what}: not within ${withinMs / 1_000} s`);
}
