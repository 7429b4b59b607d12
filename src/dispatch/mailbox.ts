// The next events for one endpoint, in log order: a queue with a limit.

import type { LogEntry } from '../log/entry.ts';
import type { WindowBudget } from './window-budget.ts';

/** An entry, and the position of the entry before it for the same endpoint, as it was when the entry was queued. */
export type QueuedEvent = { entry: LogEntry; previous: number };

const maxEvents = 256;

/** First in, first out. It is full with 256 events, or when its window has no room; an empty one takes an event of any size. */
export type Mailbox = {
  readonly size: number;
  readonly full: boolean;
  readonly bytes: number;
  first(): QueuedEvent | undefined;
  /** The first events, at most `count`. */
  front(count: number): QueuedEvent[];
  push(event: QueuedEvent): void;
  drop(count: number): void;
  /** Drops all but the first events. */
  keep(count: number): void;
  clear(): void;
};

export function createMailbox(budget: WindowBudget): Mailbox {
  const window = budget.openWindow();
  let events: QueuedEvent[] = [];
  let start = 0;

  return {
    get size() {
      return events.length - start;
    },
    get full() {
      return events.length - start >= maxEvents || window.room === 0;
    },
    get bytes() {
      return window.bytes;
    },
    first: () => events[start],
    front: (count) => events.slice(start, start + count),
    push(event) {
      events.push(event);
      window.add(event.entry.payload);
    },
    drop(count) {
      const end = Math.min(start + count, events.length);
      for (let index = start; index < end; index += 1) window.remove(events[index]!.entry.payload);
      start = end;
      if (start * 2 >= events.length) {
        events = events.slice(start);
        start = 0;
      }
    },
    keep(count) {
      for (const { entry } of events.slice(start + count)) window.remove(entry.payload);
      events = events.slice(start, start + count);
      start = 0;
    },
    clear() {
      events = [];
      start = 0;
      window.clear();
    },
  };
}
