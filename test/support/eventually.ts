// Waits for an effect: asks again and again until the answer is there, or says what it last saw.

/** The pause before the same question: some times as long as it took, so that waiting takes a fifth of a processor at most. */
const pausePerAsk = 4;
const longestPauseMs = 250;

/** That something hangs, not that a machine is slow. */
const hungAfterMs = 90_000;

/** Resolves with the first truthy answer; fails after `withinMs` with the last answer or error. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  {
    withinMs = hungAfterMs,
    everyMs = 5,
    saying = 'the awaited effect',
  }: { withinMs?: number; everyMs?: number; saying?: string } = {},
): Promise<NonNullable<T>> {
  const giveUpAt = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    const askedAt = performance.now();
    try {
      const answer = await ask();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    const now = performance.now();
    if (now > giveUpAt) {
      throw new Error(`${saying} did not come within ${withinMs} ms; last seen: ${String(last)}`);
    }
    const pauseMs = Math.max(everyMs, Math.min(pausePerAsk * (now - askedAt), longestPauseMs));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
