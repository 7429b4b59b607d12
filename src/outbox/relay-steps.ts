// Decides when the relay numbers events: at once where it leads, late where another instance should have done it.
//
//   leads       numbers when it is woken, looks by itself once a second, and goes on as long as it finds something
//   stands by   another instance leads: only what was committed here is looked after, half a second later
//   rests       numbers nothing: whether the log is still the one we know has yet to be asked
//
// One batch is under way at a time, and none begins where the last one ended: a transaction that began before others may
// commit after them, and its events come first all the same. What was numbered is told only when its commit was
// confirmed; after an answer that was lost nothing is, and the readers find it in Postgres.
//
// Pure: the clock, the timers and the database are given to it as ports.

import type { LogEntry } from '../log/entry.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';

/** How often to look for committed events that nobody woke us for. */
const pollMs = 1_000;
/** How often to look without the lower bound that makes the poll cheap. */
const sweepMs = 10_000;
/** A transaction is over within this time, so what it inserted is not below a bound that trails by as much. */
const boundTrailsMs = 60_000;
/** Who does not lead numbers what was committed here and has no position after this long. */
const lateMs = 500;

export type RelayMode = 'leads' | 'stands by' | 'rests';

/** `position`: the log's last one; `seq`: the highest that was numbered, 0 for none; `cut`: there may be more behind. */
export type Numbered = { entries: readonly LogEntry[]; position: number; seq: number; cut: boolean };

export type RelayPorts = {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back once after `delayMs`; returns what cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Numbers one batch of what stands above a seq; null when it failed, or when nobody knows. */
  number(aboveSeq: number, done: (numbered: Numbered | null) => void): void;
  /** Hears of each batch once it is committed. */
  append(entries: readonly LogEntry[]): void;
};

export type RelaySteps = {
  /** Tells that a transaction with events may have been committed. */
  wake(): void;
  be(mode: RelayMode): void;
  /** Numbers everything committed so far, and gives the log's last position; null when that failed, or it rests. */
  catchUp(done: (position: number | null) => void): void;
  /** Begins no more batches, and calls back when none is under way. */
  stop(done: () => void): void;
};

export function createRelaySteps(ports: RelayPorts): RelaySteps {
  let bound = createTrailingBound();
  let mode: RelayMode = 'rests';
  let woken = true;
  let busy = false;
  let notBefore = -Infinity;
  let sweptAt = -Infinity;
  let cancel: (() => void) | null = null;
  let waiting: ((position: number | null) => void)[] = [];
  let stopped: (() => void) | null = null;

  function arm(delayMs: number): void {
    cancel?.();
    cancel = ports.schedule(delayMs, () => {
      cancel = null;
      woken = true;
      go();
    });
  }

  function go(): void {
    if (busy || stopped || mode === 'rests') return;
    const now = ports.now();
    if (now < notBefore) arm(notBefore - now);
    else if (woken || waiting.length > 0) relayOnce(now);
    else if (mode === 'leads') arm(pollMs);
  }

  function relayOnce(now: number): void {
    const served = waiting;
    const above = served.length > 0 || now - sweptAt > sweepMs ? 0 : bound.at(now);
    cancel?.();
    cancel = null;
    waiting = [];
    woken = false;
    busy = true;
    ports.number(above, (numbered) => {
      busy = false;
      if (numbered) {
        if (above === 0) sweptAt = now;
        bound.reached(numbered.seq, now);
        if (numbered.entries.length > 0) {
          woken = true;
          ports.append(numbered.entries);
        }
        if (numbered.cut) waiting.push(...served);
        else for (const done of served) done(numbered.position);
      } else {
        woken = true;
        notBefore = ports.now() + retryDelaysMs.relay;
        for (const done of served) done(null);
      }
      if (stopped) end();
      else go();
    });
  }

  function end(): void {
    stopped?.();
    for (const done of waiting.splice(0)) done(null);
  }

  return {
    wake() {
      if (mode === 'leads') {
        woken = true;
        go();
      } else if (cancel === null) {
        arm(lateMs);
      }
    },
    be(next) {
      if (next === mode) return;
      if (mode === 'rests') {
        // The database may be one of an earlier day, whose next events lie below what was numbered before.
        bound = createTrailingBound();
        sweptAt = -Infinity;
      }
      mode = next;
      if (mode === 'leads') woken = true;
      if (mode === 'rests') for (const done of waiting.splice(0)) done(null);
      go();
    },
    catchUp(done) {
      if (stopped || mode === 'rests') {
        done(null);
        return;
      }
      waiting.push(done);
      go();
    },
    stop(done) {
      stopped = done;
      cancel?.();
      cancel = null;
      if (!busy) end();
    },
  };
}

/** The highest numbered seq of a minute ago. */
function createTrailingBound() {
  let marks: { seq: number; at: number }[] = [];
  let bound = 0;
  return {
    at(now: number): number {
      while (marks[0] && now - marks[0].at > boundTrailsMs) bound = Math.max(bound, marks.shift()!.seq);
      return bound;
    },
    reached(seq: number, now: number): void {
      const last = marks.at(-1);
      // One mark a second is fine enough.
      if (seq > 0 && (!last || now - last.at > 1_000)) marks = [...marks, { seq, at: now }];
    },
  };
}
