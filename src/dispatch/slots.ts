// The slots in which turns run, in two shares, so that slow endpoints never take the places of quick ones.

import { maxSlots } from '../worker/turn.ts';

export type Shares = {
  /** Takes a slot, or null when that share is full. */
  acquire(slow: boolean): number | null;
  /** Moves a running turn over to the slow share and frees its fast place; the slow share may overflow by it. */
  moveToSlow(slot: number): void;
  release(slot: number): void;
  readonly running: number;
};

/** `fast` and `slow` are the places of the two shares. */
export function createShares({ fast, slow }: { fast: number; slow: number }): Shares {
  const free: number[] = [];
  const taken = new Map<number, 'fast' | 'slow'>();
  const used = { fast: 0, slow: 0 };
  const limit = { fast, slow };
  let made = 0;

  return {
    acquire(isSlow) {
      const share = isSlow ? 'slow' : 'fast';
      if (used[share] >= limit[share] || taken.size >= maxSlots) return null;
      const slot = free.pop() ?? made++;
      taken.set(slot, share);
      used[share] += 1;
      return slot;
    },
    moveToSlow(slot) {
      if (taken.get(slot) !== 'fast') return;
      taken.set(slot, 'slow');
      used.fast -= 1;
      used.slow += 1;
    },
    release(slot) {
      const share = taken.get(slot);
      if (share === undefined) return;
      taken.delete(slot);
      used[share] -= 1;
      free.push(slot);
    },
    get running() {
      return taken.size;
    },
  };
}
