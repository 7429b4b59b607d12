// The program of a thread that breaks at its birth as the environment says, or hangs in the turn of a certain endpoint.

import type { Turn } from '../../src/worker/turn.ts';

const births: Record<string, () => unknown> = {
  throws: () => {
    throw new Error('no place for it');
  },
  exits: () => process.exit(3),
  'exits with 0': () => process.exit(0),
  hangs: () => new Promise(() => {}),
  loops: () => {
    for (;;);
  },
};

await births[process.env['THREAD_BIRTH'] ?? '']?.();

export default (turn: Turn) => {
  if (turn.endpoint.id === 'hangs') for (;;);
  return { report: { settled: turn.events.length, failure: null }, latenciesMs: [] };
};
export const check = () => {
  const isStuck = process.env['THREAD_UNWRITTEN'] !== undefined;
  return { rows: 2, stuckMs: isStuck ? 60_000 : 0, problem: isStuck ? 'rows cannot be written: 42P01' : null };
};
export const close = () => {};
