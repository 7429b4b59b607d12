// Remembers how far a simulated log was ever numbered, and stops a world that believes in more, or in events of nobody's.

import type { TurnEvent } from '../../src/worker/turn.ts';
import { forgedIds } from './forger.ts';
import type { Process } from './process.ts';
import { Violation } from './violation.ts';

/** Of every event in a simulated world. */
const payloadOfAll = '{}';

export function createGivenPositions() {
  let highest = 0;
  return {
    reached(position: number): void {
      highest = Math.max(highest, position);
    },
    checkSent({ id: sender }: Process, { position, id, payload }: TurnEvent): void {
      const isForged = id.startsWith(forgedIds) || payload !== payloadOfAll;
      if (isForged) throw new Violation(`${sender} sends what nobody published at ${position}`);
    },
    checkEpoch({ id }: Process, past: number): void {
      if (past <= highest) return;
      throw new Violation(`${id} knows of ${past}, and no position above ${highest} was ever given`);
    },
  };
}
