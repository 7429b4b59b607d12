// A clock that only the test moves, with what is due by it.

/** What `lasts` is not the process's own: a crash does not end it. */
type Timer = { at: number; order: number; lasts: boolean; callback: () => void };

export function createSimulatedTime() {
  let timers: Timer[] = [];
  let made = 0;
  let now = 0;

  return {
    now: () => now,
    /** Calls back after `delayMs`; of two at one time the first that was asked for comes first. Returns what cancels it. */
    at(delayMs: number, callback: () => void, { lasts = false } = {}): () => void {
      const timer = { at: now + delayMs, order: (made += 1), lasts, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    crash(): void {
      timers = timers.filter(({ lasts }) => lasts);
    },
    /** Lets `ms` pass. */
    pass(ms: number): void {
      const end = now + ms;
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end);
        if (due.length === 0) break;
        const next = due.reduce((one, other) =>
          other.at < one.at || (other.at === one.at && other.order < one.order) ? other : one,
        );
        timers = timers.filter((timer) => timer !== next);
        now = next.at;
        next.callback();
      }
      now = end;
    },
  };
}
