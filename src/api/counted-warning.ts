// Logs what may happen a thousand times a second once a minute, with how often it did.

const everyMs = 60_000;

export type CountedWarning = Disposable & {
  /** Happened once more. The first time is written at once; `subject` is what the last one was about. */
  count(subject: string): void;
};

/** Writes what was counted since, at most once a minute, and what is left when it is closed. */
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
