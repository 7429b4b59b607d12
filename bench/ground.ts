// What a row stands on: everything it opened, closed again on every path, Ctrl-C included.

export type Ground = AsyncDisposable & {
  /** Keeps a part, and one that is still being opened, to dispose of it with the ground, the newest first. */
  open<T extends AsyncDisposable | Disposable>(part: T | Promise<T>): Promise<T>;
};

export function createGround(): Ground {
  const parts = new AsyncDisposableStack();
  const opening = new Set<Promise<unknown>>();

  return {
    async open(part) {
      const opened = Promise.resolve(part).then((ready) => parts.use(ready));
      opening.add(opened);
      try {
        return await opened;
      } finally {
        opening.delete(opened);
      }
    },
    async [Symbol.asyncDispose]() {
      // A server in the middle of its start can only be stopped after it.
      await Promise.allSettled(opening);
      await parts.disposeAsync();
    },
  };
}
