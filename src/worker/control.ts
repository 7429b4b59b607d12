// Two words of shared memory for each turn: one by which the main thread stops it, one by which it says what it sends.

import { maxSlots } from './turn.ts';

const wordsPerSlot = 2;
const stopWord = 0;
const currentWord = 1;

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
};

/** Opens the control memory: new on the main thread, the same one in a thread. */
export function openControl(
  memory = new SharedArrayBuffer(maxSlots * wordsPerSlot * Int32Array.BYTES_PER_ELEMENT),
): Control {
  const words = new Int32Array(memory);
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
  };
}
