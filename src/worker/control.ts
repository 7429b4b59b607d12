// Shared memory through which the main thread governs the turns: two words for each turn, by which it is stopped and says
// what it sends, and two for each lease, which say how long anything may be sent under it.

import { type Lease, leaseCount } from '../policy/shards.ts';
import { maxSlots } from './turn.ts';

const wordsPerSlot = 2;
const stopWord = 0;
const currentWord = 1;

const wordsPerLease = 2;
const epochWord = 0;
const deadlineWord = 1;

const slotBytes = maxSlots * wordsPerSlot * Int32Array.BYTES_PER_ELEMENT;
const leaseBytes = leaseCount * wordsPerLease * BigInt64Array.BYTES_PER_ELEMENT;

export type Control = {
  readonly memory: SharedArrayBuffer;
  /** Clears both words, before a turn takes the slot. */
  begin(slot: number): void;
  /** Tells the slot's turn to stop before its next request. */
  stop(slot: number): void;
  stopped(slot: number): boolean;
  /** Marks which event of the turn (by index) is on the wire now; null when none is. */
  setCurrent(slot: number, index: number | null): void;
  current(slot: number): number | null;
  /** Lets turns of this epoch of a lease send for `forMs` more, and those of others not at all. */
  trust(lease: Lease, forMs: number): void;
  /** Whether a request may begin under a lease now. */
  trusts(lease: Lease): boolean;
};

/** Opens the control memory: new on the main thread, the same one in a thread. */
export function openControl(memory = new SharedArrayBuffer(slotBytes + leaseBytes)): Control {
  const words = new Int32Array(memory, 0, maxSlots * wordsPerSlot);
  const leases = new BigInt64Array(memory, slotBytes, leaseCount * wordsPerLease);
  return {
    memory,
    begin(slot) {
      Atomics.store(words, slot * wordsPerSlot + stopWord, 0);
      Atomics.store(words, slot * wordsPerSlot + currentWord, 0);
    },
    stop: (slot) => void Atomics.store(words, slot * wordsPerSlot + stopWord, 1),
    stopped: (slot) => Atomics.load(words, slot * wordsPerSlot + stopWord) === 1,
    setCurrent: (slot, index) => void Atomics.store(words, slot * wordsPerSlot + currentWord, (index ?? -1) + 1),
    current(slot) {
      const word = Atomics.load(words, slot * wordsPerSlot + currentWord);
      return word === 0 ? null : word - 1;
    },
    trust({ index, epoch }, forMs) {
      // The clock that all threads of a process share: performance.now() begins anew in each.
      const deadline = process.hrtime.bigint() + BigInt(Math.floor(Math.max(0, forMs) * 1e6));
      const at = index * wordsPerLease;
      // Between the two stores no epoch is trusted with a deadline that is not its own.
      if (Atomics.load(leases, at + epochWord) !== BigInt(epoch)) Atomics.store(leases, at + epochWord, -1n);
      Atomics.store(leases, at + deadlineWord, deadline);
      Atomics.store(leases, at + epochWord, BigInt(epoch));
    },
    trusts({ index, epoch }) {
      const at = index * wordsPerLease;
      const isCurrent = Atomics.load(leases, at + epochWord) === BigInt(epoch);
      return isCurrent && process.hrtime.bigint() < Atomics.load(leases, at + deadlineWord);
    },
  };
}
