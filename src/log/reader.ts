// Reads the log as one gapless sequence: from the hot tail while it follows on, from Postgres where it does not.

import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEntry } from './entry.ts';

export type LogReaderParts = {
  hot: { readonly ready: boolean; read(after: number): Promise<LogEntry[] | null> } | null;
  cold: { page(after: number): Promise<readonly LogEntry[]> };
  /** The position after which to begin. */
  after: number;
  /** Takes entries that follow each other without a gap. */
  take(entries: readonly LogEntry[]): void;
  onError(error: unknown): void;
};

export type LogReader = AsyncDisposable & {
  /** Tells that the log reaches to `position` at least: a hint from the relay, or the heartbeat's reading. */
  headIs(position: number): void;
};

const retryMs = 250;

export function startLogReader({ hot, cold, after, take, onError }: LogReaderParts): LogReader {
  const stopping = new AbortController();
  let position = after;
  let head = after;
  let wake: (() => void) | null = null;

  function accept(entries: readonly LogEntry[]): void {
    if (entries.length === 0) return;
    position = entries.at(-1)!.position;
    take(entries);
  }

  /** Reads from Postgres up to `target`, or as far as it goes, and then not again at once. */
  async function readCold(target: number): Promise<void> {
    while (position < target && !stopping.signal.aborted) {
      const page = await cold.page(position);
      if (page.length === 0) return await pause();
      accept(page);
    }
  }

  async function takeHot(entries: readonly LogEntry[]): Promise<void> {
    for (;;) {
      const next = entries.filter((entry) => entry.position > position);
      if (next.length === 0 || stopping.signal.aborted) return;
      const missingUpTo = next[0]!.position - 1;
      if (missingUpTo > position) {
        await readCold(missingUpTo);
        // Valkey knows more than Postgres gives: it is not to be believed.
        if (position < missingUpTo) return;
        continue;
      }
      const gap = next.findIndex((entry, index) => entry.position !== position + 1 + index);
      accept(gap === -1 ? next : next.slice(0, gap));
    }
  }

  async function pause(): Promise<void> {
    await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => {});
  }

  async function step(): Promise<void> {
    const knownHead = head;
    if (hot?.ready) {
      const entries = await hot.read(position);
      if (entries && entries.length > 0) return await takeHot(entries);
      // Silence, though the log was longer before the question: a gap at the tail, or Valkey does not answer.
      if (knownHead > position) await readCold(knownHead);
      return;
    }
    if (head > position) return await readCold(head);
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await step();
      } catch (error) {
        onError(error);
        await pause();
      }
    }
  }

  const running = run();

  function wakeUp(): void {
    wake?.();
    wake = null;
  }

  return {
    headIs(known) {
      head = Math.max(head, known);
      wakeUp();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      wakeUp();
      await running;
    },
  };
}
