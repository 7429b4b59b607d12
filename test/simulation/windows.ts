// Watches what the endpoints of a simulated process hold in memory.

import type { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import type { Process } from './process.ts';
import { Violation } from './violation.ts';

/** Of an event in a simulated world. */
const payloadBytes = 2;

/** The windows hold at most the budget, and one event or replay more each; and the budget knows what they hold. */
export function checkWindows({ id }: Process, { held, actors }: Dispatcher, budgetBytes: number): void {
  const sizes = [...actors()].flatMap((actor) => actor.windows);
  const sum = sizes.reduce((all, bytes) => all + bytes, 0);
  if (sum !== held) throw new Violation(`${id} believes that its windows hold ${held} bytes, and they hold ${sum}`);
  const most = budgetBytes + sizes.length * payloadBytes;
  if (held > most) throw new Violation(`${id} holds ${held} bytes in its windows, which may hold ${most}`);
}
