// The bounded window of events that wait for one endpoint, in log order.

import type { LogEntry } from '../log/entry.ts';

/** An entry with the position of the one before it for the same endpoint, fixed when it is fed. */
export type Letter = { entry: LogEntry; previous: number };

const maxLetters = 256;
const maxBytes = 256 * 1024;

/** A first-in, first-out queue that is full after 256 events or 256 KiB of payload, and takes one event of any size. */
export type Mailbox = {
  readonly size: number;
  readonly full: boolean;
  first(): Letter | undefined;
  /** The letters from the front, at most `count` of them. */
  front(count: number): Letter[];
  push(letter: Letter): void;
  drop(count: number): void;
  clear(): void;
};

export function createMailbox(): Mailbox {
  let letters: Letter[] = [];
  let start = 0;
  let bytes = 0;

  return {
    get size() {
      return letters.length - start;
    },
    get full() {
      return letters.length - start >= maxLetters || bytes >= maxBytes;
    },
    first: () => letters[start],
    front: (count) => letters.slice(start, start + count),
    push(letter) {
      letters.push(letter);
      bytes += letter.entry.payload.length;
    },
    drop(count) {
      const end = Math.min(start + count, letters.length);
      for (let index = start; index < end; index += 1) bytes -= letters[index]!.entry.payload.length;
      start = end;
      if (start * 2 >= letters.length) {
        letters = letters.slice(start);
        start = 0;
      }
    },
    clear() {
      letters = [];
      start = 0;
      bytes = 0;
    },
  };
}
