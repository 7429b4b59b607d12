// Turns in a row that an endpoint lost with nothing on the wire: when the next one may begin. Pure.
//
// What made it lose a turn may still be there: without a wait it would be lost again at once, for ever.

import { backoffMs } from '../policy/retry.ts';
import { lostTurnDelaysMs } from '../policy/retry-delays.ts';

export class UnsentTurns {
  #turns = 0;
  #notBefore = -Infinity;

  get notBefore(): number {
    return this.#notBefore;
  }

  add(now: number): void {
    this.#notBefore = now + backoffMs(this.#turns, lostTurnDelaysMs.base, lostTurnDelaysMs.most);
    this.#turns += 1;
  }

  /** A turn has sent something. Whether a wait is over is seen by the time. */
  forget(): void {
    this.#turns = 0;
  }
}
