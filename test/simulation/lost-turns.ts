// Stops a simulated world in which a process begins a turn too soon after one that was lost with nothing on the wire.

import type { Turn } from '../../src/worker/turn.ts';
import type { Process } from './process.ts';
import { Violation } from './violation.ts';

/** By hand: 250 ms, then twice as long each time, up to 30 s. */
const waitMs = (times: number) => Math.min(250 * 2 ** (times - 1), 30_000);

type Lost = { times: number; at: number };

/** `restores`: how often the database was restored. Once a process hears of that, all that it serves begins anew. */
export function createLostTurns(process: Process, restores: () => number) {
  const lost = new Map<string, Lost>();
  /** Another lease or another generation of the endpoint begins anew. */
  const nameOf = ({ endpoint, generation, lease }: Turn) => `${endpoint.id} ${generation} ${lease.epoch}`;

  return {
    began(turn: Turn): void {
      const before = lost.get(nameOf(turn));
      if (!before || restores() > 0) return;
      const waited = process.now() - before.at;
      if (waited >= waitMs(before.times)) return;
      throw new Violation(
        `${process.id} begins a turn of ${turn.endpoint.id} ${Math.round(waited)} ms after the loss of ${before.times} in a row`,
      );
    },
    worked: (turn: Turn): void => void lost.delete(nameOf(turn)),
    lost(turn: Turn): void {
      const times = (lost.get(nameOf(turn))?.times ?? 0) + 1;
      lost.set(nameOf(turn), { times, at: process.now() });
    },
  };
}
