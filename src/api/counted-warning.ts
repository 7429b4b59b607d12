// Logs a frequent event at most once a minute, with its count.

const everyMs = 60_000;

export type CountedWarning = Disposable & {
  /** Counts one more. The first is logged at once; `subject` is that of the last one. */
  count(subject: string): void;
};

/** Writes the count since the last line, at most once a minute, and the rest at disposal. */
export function createCountedWarning(write: (count: number, subject: string) => void): CountedWarning {
  let counted = 0;
  let last = '';
  let timer: NodeJS.Timeout | null = null;

  function flush(): void {
    timer = null;
    if (counted === 0) return;
    write(counted, last);
    counted = 0;
    timer = setTimeout(flush, everyMs).unref();
  }

  return {
    count(subject) {
      counted += 1;
      last = subject;
      if (timer === null) flush();
    },
    [Symbol.dispose]() {
      if (timer !== null) clearTimeout(timer);
      if (counted > 0) write(counted, last);
      counted = 0;
    },
  };
}
