// Holds back those who together would take more than their share.

export type Pace = {
  /** Null: now. Else resolves when it is this one's turn. */
  turn(): Promise<void> | null;
};

const tickMs = 25;

/** So many turns a second, in the order of asking; what was not used is not kept for later. */
export function createPace(perSecond: number): Pace {
  const perTick = Math.max(1, Math.round((perSecond * tickMs) / 1_000));
  const waiting: (() => void)[] = [];
  let left = perTick;
  let timer: NodeJS.Timeout | null = null;

  function tick(): void {
    left = perTick;
    for (; left > 0 && waiting.length > 0; left -= 1) waiting.shift()!();
    timer = waiting.length > 0 || left < perTick ? setTimeout(tick, tickMs) : null;
  }

  return {
    turn() {
      timer ??= setTimeout(tick, tickMs);
      if (left > 0 && waiting.length === 0) {
        left -= 1;
        return null;
      }
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
  };
}
