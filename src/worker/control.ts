// Shared memory between the main thread and the delivery threads: for each turn a stop flag and the event on the wire,
// for each lease its epoch and the deadline until which requests may begin under it.

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
  /** Stops the slot's turn before its next request. */
  stop(slot: number): void;
  stopped(slot: number): boolean;
  /** Sets which event of the turn (by index) is on the wire now; null for none. */
  setCurrent(slot: number, index: number | null): void;
  current(slot: number): number | null;
  /** Turns of this lease epoch may begin requests for `forMs` more; turns of other epochs may not. */
  trust(lease: Lease, forMs: number): void;
  /** Whether a request may begin under this lease epoch now. */
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
      // All threads of a process share this clock; performance.now() starts at zero in each thread.
      const deadline = process.hrtime.bigint() + BigInt(Math.floor(Math.max(0, forMs) * 1e6));
      const at = index * wordsPerLease;
      // No epoch is valid while the deadline changes hands, so none is paired with another's deadline.
      if (Atomics.load(leases, at + epochWord) !== BigInt(epoch)) Atomics.store(leases, at + epochWord, -1n);
      Atomics.store(leases, at + deadlineWord, deadline);
      Atomics.store(leases, at + epochWord, BigInt(epoch));
    },
    trusts({ index, epoch }) {
      const at = index * wordsPerLease;
      // The deadline first: when the epoch is still the same after it, the deadline is this epoch's.
      const deadline = Atomics.load(leases, at + deadlineWord);
      const isCurrent = Atomics.load(leases, at + epochWord) === BigInt(epoch);
      return isCurrent && process.hrtime.bigint() < deadline;
    },
  };
}
