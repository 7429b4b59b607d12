// The slots in which turns run: some for fast endpoints and some for slow ones, so that slow ones never take all of them.

import { maxSlots } from '../worker/turn.ts';

export type Slots = {
  /** Takes a slot, or null when none of that kind is free. */
  acquire(slow: boolean): number | null;
  /** Counts a running turn as slow from now on: its fast slot is free. There may be more slow turns than the limit by it. */
  moveToSlow(slot: number): void;
  release(slot: number): void;
  readonly running: number;
  /** How many turns of each kind run. */
  readonly used: Readonly<Record<'fast' | 'slow', number>>;
};

/** `fast` and `slow`: how many turns of each kind may run. */
export function createSlots({ fast, slow }: { fast: number; slow: number }): Slots {
  const free: number[] = [];
  const taken = new Map<number, 'fast' | 'slow'>();
  const used = { fast: 0, slow: 0 };
  const limit = { fast, slow };
  let made = 0;

  return {
    acquire(isSlow) {
      const kind = isSlow ? 'slow' : 'fast';
      if (used[kind] >= limit[kind] || taken.size >= maxSlots) return null;
      const slot = free.pop() ?? made++;
      taken.set(slot, kind);
      used[kind] += 1;
      return slot;
    },
    moveToSlow(slot) {
      if (taken.get(slot) !== 'fast') return;
      taken.set(slot, 'slow');
      used.fast -= 1;
      used.slow += 1;
    },
    release(slot) {
      const kind = taken.get(slot);
      if (kind === undefined) return;
      taken.delete(slot);
      used[kind] -= 1;
      free.push(slot);
    },
    get running() {
      return taken.size;
    },
    used,
  };
}
