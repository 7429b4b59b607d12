// Closes the connection of whoever asks, and does not read the answer.

import type { ServerResponse } from 'node:http';

export type UnreadLimits = {
  /** So long may bytes of an answer wait for their reader. */
  unreadMs: number;
  /** So many bytes of all answers may wait. Beyond it the answer that waits the longest is cut off. */
  unreadBytes: number;
  /** Answers are looked at this often. */
  lookMs: number;
};

export type UnreadAnswers = Disposable & {
  /** Watches an answer until it closes. */
  watch(outgoing: ServerResponse): void;
};

export function watchUnreadAnswers({ unreadMs, unreadBytes, lookMs }: UnreadLimits): UnreadAnswers {
  /** By answer: since when bytes wait. Null: none did at the last look. */
  const since = new Map<ServerResponse, number | null>();

  function look(): void {
    const now = performance.now();
    const unread: { outgoing: ServerResponse; at: number }[] = [];
    let bytes = 0;
    for (const [outgoing, before] of since) {
      const waits = outgoing.writableEnded ? !outgoing.writableFinished : outgoing.writableLength > 0;
      const at = waits ? (before ?? now) : null;
      since.set(outgoing, at);
      if (at === null) continue;
      unread.push({ outgoing, at });
      bytes += outgoing.writableLength;
    }
    for (const { outgoing, at } of unread.toSorted((one, other) => one.at - other.at)) {
      // What was written since the last look may be read by the next one.
      if (at === now || (now - at < unreadMs && bytes <= unreadBytes)) return;
      bytes -= outgoing.writableLength;
      outgoing.socket?.destroy();
    }
  }

  const timer = setInterval(look, lookMs);
  timer.unref();
  return {
    watch(outgoing) {
      since.set(outgoing, null);
      outgoing.once('close', () => since.delete(outgoing));
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
