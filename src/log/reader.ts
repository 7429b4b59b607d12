// Reads the log as one sequence without gaps: from the stream, and from the table what the stream does not have. Pure.
//
// Of a batch it takes what is above its position, if the batch begins no later than there. Every other batch shows a gap,
// which it reads from the table. It takes nothing above the log's head in Postgres.

import { retryDelaysMs } from '../policy/retry-delays.ts';
import { type Batch, type BatchEntry, lastOf } from './batch.ts';
import type { LogEntry } from './entry.ts';

export type LogReaderPorts = {
  schedule(delayMs: number, callback: () => void): () => void;
  /** The stream's next batches after a position, within about a second. None, or null, when it gives none. */
  readStream(after: number, done: (batches: readonly Batch[] | null) => void): void;
  /** Asks Postgres whether the log reaches to this event of the stream, which `headIs` hears. */
  askHead(found: BatchEntry, done: () => void): void;
  /** The table's consecutive entries after a position. None: there are none yet, or Postgres does not answer. */
  readPage(after: number, done: (page: readonly LogEntry[]) => void): void;
  /** Whether the stream can be read now. */
  streamReady(): boolean;
  /** Takes the next entries of the sequence, and calls back when it can take more. */
  offer(entries: readonly LogEntry[], done: () => void): void;
};

export type LogReader = {
  /** Begins after a position, or begins again: the answer to a read in flight is dropped. */
  start(after: number): void;
  /** The log reaches to `position` at least. */
  headIs(position: number): void;
  stop(): void;
};

export function createLogReader(ports: LogReaderPorts): LogReader {
  let position = 0;
  let head = 0;
  /** Raised by every start and stop: answers to older reads are dropped. */
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
    if (ports.streamReady()) readStream();
    else if (head > position) readTable(head, step);
    else asleep = true;
  }

  function readStream(): void {
    const knownHead = head;
    ports.readStream(
      position,
      inRun((batches) => {
        if (batches && batches.length > 0) takeFromStream(batches);
        // It gave nothing, though the log was longer before the read: its end is missing, or Valkey does not answer.
        else if (knownHead > position) readTable(knownHead, step);
        else step();
      }),
    );
  }

  function takeFromStream(batches: readonly Batch[]): void {
    const left = batches.filter((one) => lastOf(one).position > position);
    const [batch] = left;
    if (!batch) return step();
    const highest = left.map(lastOf).reduce((one, other) => (other.position > one.position ? other : one));
    if (highest.position > head) {
      return ports.askHead(
        highest,
        inRun<void>(() => (highest.position > head ? pause() : takeFromStream(left))),
      );
    }
    const first = batch[0]!.position;
    if (first > position + 1) return readTable(first - 1, () => takeFromStream(left));
    const next = followingIn(left);
    if (next.length > 0) return accept(next, () => takeFromStream(left));
    const whole = batch.find((entry) => entry.position > position && entry.payload !== null);
    readTable(whole ? whole.position - 1 : lastOf(batch).position, () => takeFromStream(left));
  }

  /** The entries that follow the position, over batches that follow each other, up to the first that is left out. */
  function followingIn(batches: readonly Batch[]): LogEntry[] {
    const entries: LogEntry[] = [];
    for (const batch of batches) {
      if (batch[0]!.position > position + entries.length + 1) break;
      for (const entry of batch) {
        if (entry.position !== position + entries.length + 1) continue;
        if (entry.payload === null) return entries;
        entries.push(entry as LogEntry);
      }
    }
    return entries;
  }

  /** Reads the table up to `target`. If it gives nothing, the stream's entries beyond are not believed either. */
  function readTable(target: number, then: () => void): void {
    ports.readPage(
      position,
      inRun((page) => {
        if (page.length === 0) return pause();
        accept(page, () => (position < target ? readTable(target, then) : then()));
      }),
    );
  }

  function accept(entries: readonly LogEntry[], then: () => void): void {
    position = entries.at(-1)!.position;
    ports.offer(entries, inRun<void>(then));
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
      // The stream may have become ready, too.
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
