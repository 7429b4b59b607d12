// Spreads requests that come together over turns of the event loop, so that timers and deliveries go on between them.

/** So long may requests take of one turn; what comes then begins one request a turn. */
const turnMs = 10;

/** A function that calls what it is given: at once, or when its turn has come. */
export function beginInTurns(): (begin: () => void) => void {
  const waiting: (() => void)[] = [];
  let turnBeganAt: number | null = null;

  function beginNext(): void {
    const begin = waiting.shift();
    if (waiting.length > 0) setImmediate(beginNext);
    begin?.();
  }

  return (begin) => {
    if (turnBeganAt === null) {
      turnBeganAt = performance.now();
      setImmediate(() => (turnBeganAt = null));
    }
    if (waiting.length === 0 && performance.now() - turnBeganAt < turnMs) return begin();
    if (waiting.length === 0) setImmediate(beginNext);
    waiting.push(begin);
  };
}
