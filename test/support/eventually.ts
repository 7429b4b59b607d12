// Waits for an effect: asks again and again until the answer is there, or says what it last saw.

/**
 * Resolves with the first truthy answer; fails after `withinMs` with the last answer or error. `everyMs` is for questions that
 * cost something.
 */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  {
    withinMs = 15_000,
    everyMs = 5,
    saying = 'the awaited effect',
  }: { withinMs?: number; everyMs?: number; saying?: string } = {},
): Promise<NonNullable<T>> {
  const giveUpAt = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > giveUpAt) {
      throw new Error(`${saying} did not come within ${withinMs} ms; last seen: ${String(last)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
