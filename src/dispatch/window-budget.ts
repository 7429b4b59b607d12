// Bounds what all endpoints of a process hold in memory, in bytes of payload: their events, and their replays.
//
// Each of them has a window. A window that holds nothing may always take one event or replay, so that no endpoint waits for
// another. Beyond that all windows have an equal share of the budget, which shrinks as more of them hold something, and none
// takes more while the budget is spent. So together they hold at most the budget, and one event more for each. Pure.

/** What one window may hold while the budget lasts. */
const mostOfOne = 256 * 1024;

export type WindowBudget = {
  /** What all windows hold. */
  readonly held: number;
  /** The windows hold so much that some should give back what can wait. */
  readonly isSpent: boolean;
  openWindow(): Window;
};

export type Window = {
  readonly bytes: number;
  /** How many bytes it may take now; nothing holds an empty one back. */
  readonly room: number;
  /** Takes a payload, however large. */
  add(payload: string): void;
  remove(payload: string): void;
  clear(): void;
};

export function createWindowBudget(budgetBytes: number): WindowBudget {
  let held = 0;
  /** Windows that hold something. */
  let filled = 0;

  function openWindow(): Window {
    let count = 0;
    let bytes = 0;

    function change(by: { count: number; bytes: number }): void {
      const before = count;
      count += by.count;
      bytes += by.bytes;
      held += by.bytes;
      filled += Number(count > 0) - Number(before > 0);
    }

    return {
      get bytes() {
        return bytes;
      },
      get room() {
        const share = Math.min(mostOfOne, budgetBytes / Math.max(1, filled));
        if (count === 0) return Math.max(1, Math.min(share, budgetBytes - held));
        return Math.max(0, Math.min(share - bytes, budgetBytes - held));
      },
      add: (payload) => change({ count: 1, bytes: bytesOf(payload) }),
      remove: (payload) => change({ count: -1, bytes: -bytesOf(payload) }),
      clear: () => change({ count: -count, bytes: -bytes }),
    };
  }

  return {
    get held() {
      return held;
    },
    get isSpent() {
      return held >= budgetBytes;
    },
    openWindow,
  };
}

/** As UTF-8: characters are up to four times as many bytes. */
function bytesOf(payload: string): number {
  return Buffer.byteLength(payload);
}
