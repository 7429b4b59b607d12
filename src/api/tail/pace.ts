// Holds back those who together would take more than their share.

export type Pace = {
  /** Null: now. Otherwise resolves when it is this one's turn. */
  turn(): Promise<void> | null;
};

const tickMs = 50;
const busyTickMs = 5 * tickMs;

/** So many turns a second, while the process is busy a fifth, in the order of asking; what was not used is not kept for later. */
export function createPace(perSecond: number, isBusy: () => boolean): Pace {
  const perTick = Math.max(1, Math.round((perSecond * tickMs) / 1_000));
  const waiting: (() => void)[] = [];
  let left = perTick;
  let timer: NodeJS.Timeout | null = null;

  const begin = () => (timer = setTimeout(tick, isBusy() ? busyTickMs : tickMs));

  function tick(): void {
    timer = null;
    left = perTick;
    for (; left > 0 && waiting.length > 0; left -= 1) waiting.shift()!();
    if (left < perTick) begin();
  }

  return {
    turn() {
      if (timer === null) begin();
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
