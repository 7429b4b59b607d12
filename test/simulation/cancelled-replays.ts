// Watches that nothing is sent of a replay that was cancelled, once its sender has heard of that.

import type { Turn } from '../../src/worker/turn.ts';
import type { History } from './history.ts';
import type { Process } from './process.ts';

export function createCancelledReplays({
  history,
  restores,
  fail,
}: {
  history: Pick<History, 'cancelled'>;
  restores(): number;
  fail(sentence: string): never;
}) {
  /** By process and endpoint: of how many of all cancelled replays it knows. */
  const heard = new Map<string, number>();
  const nameOf = ({ id }: Process, endpoint: string) => `${id} ${endpoint}`;

  return {
    /** The stored states of endpoints are read; what is returned is called when the answer arrives. */
    statesRead(process: Process, endpoints: readonly string[]): () => void {
      const then = history.cancelled.length;
      return () => {
        for (const endpoint of endpoints) heard.set(nameOf(process, endpoint), then);
      };
    },

    /** A request is about to be sent. */
    check(process: Process, { replayId, endpoint: { id } }: Turn): void {
      // A restore brings back what was cancelled.
      if (replayId === null || restores() > 0) return;
      const known = history.cancelled.slice(0, heard.get(nameOf(process, id)) ?? 0);
      if (known.includes(replayId))
        fail(`${process.id} sends ${replayId} to ${id}, of which it knows that it was cancelled`);
    },
  };
}
