// Reads the log as one gapless sequence: from the hot tail while it follows on, from Postgres where it does not. Pure.

import { retryDelaysMs } from '../policy/retry-delays.ts';
import type { LogEntry } from './entry.ts';

export type LogReaderPorts = {
  schedule(delayMs: number, callback: () => void): () => void;
  /** The next entries after a position, within about a second: none, or null, when the hot tail tells of none. */
  readHot(after: number, done: (entries: readonly LogEntry[] | null) => void): void;
  /** Consecutive entries after a position; none when there are none yet, or Postgres does not answer. */
  readPage(after: number, done: (page: readonly LogEntry[]) => void): void;
  /** Whether reading the hot tail makes sense now. */
  hotReady(): boolean;
  /** Takes entries that follow each other without a gap, and calls back when more may come. */
  take(entries: readonly LogEntry[], done: () => void): void;
};

export type LogReader = {
  /** Begins, or begins again after another position: what is under way is dropped. */
  start(after: number): void;
  /** Tells that the log reaches to `position` at least. */
  headIs(position: number): void;
  stop(): void;
};

export function createLogReader(ports: LogReaderPorts): LogReader {
  let position = 0;
  let head = 0;
  /** Raised by every start and stop: an answer to an older question is not heard. */
  let run = 0;
  let running = false;
  let asleep = false;

  /** Calls `next` unless the reader was started again or stopped meanwhile. */
  function inRun<Value>(next: (value: Value) => void): (value: Value) => void {
    const mine = run;
    return (value) => {
      if (running && run === mine) next(value);
    };
  }

  function step(): void {
    if (ports.hotReady()) readHot();
    else if (head > position) readCold(head, step);
    else asleep = true;
  }

  function readHot(): void {
    const knownHead = head;
    ports.readHot(
      position,
      inRun((entries) => {
        if (entries && entries.length > 0) takeHot(entries);
        // Silence, though the log was longer before the question: a gap at the tail, or Valkey does not answer.
        else if (knownHead > position) readCold(knownHead, step);
        else step();
      }),
    );
  }

  function takeHot(entries: readonly LogEntry[]): void {
    const next = entries.filter((entry) => entry.position > position);
    const [first] = next;
    if (!first) return step();
    if (first.position > position + 1) return readCold(first.position - 1, () => takeHot(next));
    const gap = next.findIndex((entry, index) => entry.position !== position + 1 + index);
    accept(gap === -1 ? next : next.slice(0, gap), () => takeHot(next));
  }

  /** Reads from Postgres up to `target`; where that gives nothing, whatever else was read is not to be believed. */
  function readCold(target: number, then: () => void): void {
    ports.readPage(
      position,
      inRun((page) => {
        if (page.length === 0) return pause();
        accept(page, () => (position < target ? readCold(target, then) : then()));
      }),
    );
  }

  function accept(entries: readonly LogEntry[], then: () => void): void {
    position = entries.at(-1)!.position;
    ports.take(entries, inRun<void>(then));
  }

  function pause(): void {
    ports.schedule(retryDelaysMs.logReader, inRun<void>(step));
  }

  return {
    start(after) {
      run += 1;
      position = after;
      head = after;
      running = true;
      asleep = false;
      step();
    },
    headIs(known) {
      head = Math.max(head, known);
      // The hot tail may have become ready, too.
      if (!running || !asleep) return;
      asleep = false;
      step();
    },
    stop() {
      run += 1;
      running = false;
    },
  };
}
