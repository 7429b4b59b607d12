// The next events for one endpoint, in log order: a queue with a limit.

import type { LogEntry } from '../log/entry.ts';

/** An entry, and the position of the entry before it for the same endpoint, as it was when the entry was queued. */
export type QueuedEvent = { entry: LogEntry; previous: number };

const maxEvents = 256;
const maxBytes = 256 * 1024;

/** First in, first out. It is full with 256 events or 256 KiB of payload; an empty one takes an event of any size. */
export type Mailbox = {
  readonly size: number;
  readonly full: boolean;
  first(): QueuedEvent | undefined;
  /** The first events, at most `count`. */
  front(count: number): QueuedEvent[];
  push(event: QueuedEvent): void;
  drop(count: number): void;
  clear(): void;
};

export function createMailbox(): Mailbox {
  let events: QueuedEvent[] = [];
  let start = 0;
  let bytes = 0;

  return {
    get size() {
      return events.length - start;
    },
    get full() {
      return events.length - start >= maxEvents || bytes >= maxBytes;
    },
    first: () => events[start],
    front: (count) => events.slice(start, start + count),
    push(event) {
      events.push(event);
      bytes += event.entry.payload.length;
    },
    drop(count) {
      const end = Math.min(start + count, events.length);
      for (let index = start; index < end; index += 1) bytes -= events[index]!.entry.payload.length;
      start = end;
      if (start * 2 >= events.length) {
        events = events.slice(start);
        start = 0;
      }
    },
    clear() {
      events = [];
      start = 0;
      bytes = 0;
    },
  };
}
