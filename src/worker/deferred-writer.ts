// Writes what has gathered a while after the first of it came, and once more at the end.

export type DeferredWriter = AsyncDisposable & {
  /** Something waits to be written. */
  arm(): void;
};

/** `write` writes all that waits, never rejects, and arms again for what it could not write. `waitMs` is asked each time. */
export function createDeferredWriter(write: () => Promise<void>, waitMs: () => number): DeferredWriter {
  let timer: NodeJS.Timeout | null = null;
  let writing = Promise.resolve();
  const disarm = () => {
    if (timer) clearTimeout(timer);
  };

  return {
    arm() {
      timer ??= setTimeout(() => {
        timer = null;
        writing = write();
      }, waitMs());
    },
    async [Symbol.asyncDispose]() {
      disarm();
      await writing;
      await write();
      disarm();
    },
  };
}
