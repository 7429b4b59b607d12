// Counts the queries that were refused, so that whoever sends nothing else is not read for a while.

import { createCountedWarning } from './counted-warning.ts';

/** In this process alone: what it protects is this process's time, also while Valkey is away. */
export type RefusedQueries = {
  /** How many seconds none of this asker's queries is read; null: they are. */
  waitOf(asker: string): number | null;
  /** One more of this asker's was refused. */
  count(asker: string): void;
};

const mostInWindow = 60;
const windowMs = 60_000;

/** Those whose count began first are forgotten first. */
const mostAskers = 10_000;

export type RefusedQueriesOptions = {
  now?: () => number;
  /** Writes how many queries were not read, and whose the last one was. */
  warn(count: number, asker: string): void;
};

export function createRefusedQueries({ now = () => performance.now(), warn }: RefusedQueriesOptions) {
  const askers = new Map<string, { count: number; endsAt: number }>();
  const unread = createCountedWarning(warn);

  function current(asker: string): { count: number; endsAt: number } | undefined {
    const known = askers.get(asker);
    if (known && known.endsAt > now()) return known;
    askers.delete(asker);
    return undefined;
  }

  return {
    waitOf(asker: string): number | null {
      const known = current(asker);
      if (!known || known.count < mostInWindow) return null;
      unread.count(asker);
      return Math.max(1, Math.ceil((known.endsAt - now()) / 1_000));
    },
    count(asker: string): void {
      const known = current(asker);
      if (known) {
        known.count += 1;
        return;
      }
      askers.set(asker, { count: 1, endsAt: now() + windowMs });
      for (const oldest of askers.keys()) {
        if (askers.size <= mostAskers) return;
        askers.delete(oldest);
      }
    },
    [Symbol.dispose]: () => unread[Symbol.dispose](),
  } satisfies RefusedQueries & Disposable;
}
