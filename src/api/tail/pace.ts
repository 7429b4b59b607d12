// Holds back those who together would take more than their share.

export type Pace = {
  /** Null: now. Else resolves when it is this one's turn. */
  turn(): Promise<void> | null;
};

const tickMs = 50;
const whileBusy = 1 / 5;

/** So many turns a second, while the process is busy a fifth, in the order of asking; what was not used is not kept for later. */
export function createPace(perSecond: number, isBusy: () => boolean): Pace {
  const turns = () => Math.max(1, Math.round((perSecond * (isBusy() ? whileBusy : 1) * tickMs) / 1_000));
  const waiting: (() => void)[] = [];
  let ofTick = 0;
  let left = 0;
  let timer: NodeJS.Timeout | null = null;

  function tick(): void {
    left = ofTick = turns();
    for (; left > 0 && waiting.length > 0; left -= 1) waiting.shift()!();
    timer = waiting.length > 0 || left < ofTick ? setTimeout(tick, tickMs) : null;
  }

  return {
    turn() {
      if (timer === null) {
        left = ofTick = turns();
        timer = setTimeout(tick, tickMs);
      }
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
