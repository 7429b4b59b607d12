// Spreads requests that come together over turns of the event loop, so that timers and deliveries go on between them.

/** So long may requests take of one turn; what comes then begins one request a turn. */
const turnMs = 10;

/** What is awaited begins only later, so its time is not known yet when the next one comes. */
const mostAwaited = 2;

/** A function that resolves at once, or when the caller's turn has come. */
export function inTurns(): () => Promise<void> {
  const inTurn = beginInTurns(mostAwaited);
  return async () => await new Promise<void>((resolve) => inTurn(resolve));
}

/** A function that calls what it is given: at once, at most so many of one turn, or when its turn has come. */
export function beginInTurns(mostAtOnce = Infinity): (begin: () => void) => void {
  const waiting: (() => void)[] = [];
  let turnBeganAt: number | null = null;
  let begun = 0;

  function beginNext(): void {
    const begin = waiting.shift();
    if (waiting.length > 0) setImmediate(beginNext);
    begin?.();
  }

  return (begin) => {
    if (turnBeganAt === null) {
      turnBeganAt = performance.now();
      begun = 0;
      setImmediate(() => (turnBeganAt = null));
    }
    if (waiting.length === 0 && begun < mostAtOnce && performance.now() - turnBeganAt < turnMs) {
      begun += 1;
      return begin();
    }
    if (waiting.length === 0) setImmediate(beginNext);
    waiting.push(begin);
  };
}
