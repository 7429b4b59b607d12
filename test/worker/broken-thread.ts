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
  return { settled: turn.events.length, failure: null };
};
export const check = () => (process.env['THREAD_UNWRITTEN'] === undefined ? null : 'rows cannot be written: 42P01');
export const close = () => {};
