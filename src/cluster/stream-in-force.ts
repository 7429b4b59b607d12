// Knows which stream is in force, and gives it up when somebody else has written to it. Pure.

import type { StreamIdentity } from '../log/identity.ts';

export type StreamInForcePorts = {
  /** Monotonic milliseconds. */
  now(): number;
  /** Another stream begins in the place of this one, unless that is so already. */
  beginStream(from: StreamIdentity, done: () => void): void;
  /** Another stream is in force: nothing of the one before must be read any more. */
  useStream(stream: StreamIdentity): void;
};

/** Whoever wrote to this stream can write to the next one as soon as it begins. Between them the log is read from Postgres. */
const beginEveryMs = 1_000;

export function createStreamInForce({ ports, onBegun }: { ports: StreamInForcePorts; onBegun: () => void }) {
  let inForce: StreamIdentity | null = null;
  let isForeign = false;
  let begunAt = -Infinity;

  function beginNext(): void {
    if (!isForeign || inForce === null || ports.now() < begunAt + beginEveryMs) return;
    begunAt = ports.now();
    ports.beginStream(inForce, onBegun);
  }

  return {
    /** Only the relay has written to it, as far as is known. */
    get isSound() {
      return !isForeign;
    },
    /** Somebody else has written to it. */
    giveUp(): void {
      isForeign = true;
      beginNext();
    },
    /** Takes the stream that Postgres names. Returns whether it is another one than before. */
    take(stream: StreamIdentity): boolean {
      if (inForce?.epoch === stream.epoch && inForce.number === stream.number && inForce.secret === stream.secret) {
        // It failed, or was too soon.
        beginNext();
        return false;
      }
      const isFirst = inForce === null;
      inForce = stream;
      isForeign &&= isFirst;
      ports.useStream(stream);
      beginNext();
      return !isFirst;
    },
  };
}
