// Decides when the relay numbers events: at once where it leads, late where another instance should have done it.
//
//   leads       numbers when it is woken, looks by itself ten times a second, and goes on as long as it finds events
//   stands by   another instance leads: numbers only what was committed here, half a second later
//   rests       numbers nothing, because it is not known yet whether the log is still the same
//
// One batch is under way at a time. It does not begin where the last one ended, but above a bound: see relay-bound.ts.
// Entries are appended to the stream only when their commit is confirmed. When the answer to a commit is lost, nothing is
// appended, and readers find them in the table. The mode comes from the instance, and says for which database server it
// holds, and whether the stream may be appended to.
//
// Pure: the clock, the timers and the database are given to it as ports.

import type { LogEntry } from '../log/entry.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { type Seen, createRelayBound } from './relay-bound.ts';

/** How often to look without being woken, as for events that programs record by SQL. */
const pollMs = 100;
/** How often to look without the bound that makes the look cheap. */
const sweepMs = 10_000;
/** A relay that stands by numbers what was committed here after this time. */
const lateMs = 500;

export type RelayMode =
  | { is: 'rests' }
  | {
      is: 'leads' | 'stands by';
      /** The database server whose log was compared. On another one, which may have lost the log's end, nothing is numbered. */
      server: string;
      /** The stream was compared with the log. Behind what another history left there, new entries would hide that it is there. */
      appends: boolean;
    };

export type Numbered = Seen & {
  entries: readonly LogEntry[];
  /** The log's last one. */
  position: number;
};

export type RelayPorts = {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back once after `delayMs`; returns what cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Numbers one batch of the events above a seq, on this server only. Null: it failed, or nobody knows whether it did. */
  number(aboveSeq: number, server: string, done: (numbered: Numbered | null) => void): void;
  /** Appends a batch to the stream once it is committed. */
  append(entries: readonly LogEntry[]): void;
};

export type RelaySteps = {
  /** A transaction with events may have been committed. */
  wake(): void;
  /** It rests until a mode is set. */
  setMode(mode: RelayMode): void;
  /** Tells the listener the log's last event after each batch. */
  onNumbered(listener: (last: LogEntry) => void): void;
  /**
   * Numbers everything that is committed now, and gives the log's last position. It ends although events come faster than
   * they are numbered. Null: that failed, or the relay rests.
   */
  catchUp(done: (position: number | null) => void): void;
  /** Its mode, and for how long it could not number: it rests, or every try has failed. 0: it can. */
  state(): { is: RelayMode['is']; stuckMs: number };
  /** Begins no more batches, and calls back when none is under way. */
  stop(done: () => void): void;
};

/** `until`: it is done once the events up to this seq are numbered. Null: not known before its first batch. */
type CatchUp = { until: number | null; done: (position: number | null) => void };

export function createRelaySteps(ports: RelayPorts): RelaySteps {
  let bound = createRelayBound();
  let mode: RelayMode = { is: 'rests' };
  let tellLast: (last: LogEntry) => void = () => {};
  let woken = true;
  let busy = false;
  let stuckSince: number | null = ports.now();
  let notBefore = -Infinity;
  let sweptAt = -Infinity;
  let cancel: (() => void) | null = null;
  let waiting: CatchUp[] = [];
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
    if (busy || stopped || mode.is === 'rests') return;
    const now = ports.now();
    if (now < notBefore) arm(notBefore - now);
    else if (woken || waiting.length > 0) relayOnce(now, mode.server);
    else if (mode.is === 'leads') arm(pollMs);
  }

  function relayOnce(now: number, server: string): void {
    const served = waiting;
    const begun = bound;
    const above = served.length > 0 || now - sweptAt > sweepMs ? 0 : bound.value();
    cancel?.();
    cancel = null;
    waiting = [];
    woken = false;
    busy = true;
    ports.number(above, server, (numbered) => {
      busy = false;
      if (numbered) {
        stuckSince = null;
        if (above === 0) sweptAt = now;
        begun.learn(numbered);
        if (numbered.entries.length > 0) {
          woken = true;
          // After a rest or on another server the database may have lost what this batch has numbered.
          if (begun === bound && mode.is !== 'rests' && mode.appends) ports.append(numbered.entries);
          tellLast(numbered.entries.at(-1)!);
        }
        for (const catchUp of served) {
          catchUp.until ??= numbered.highestSeq;
          if (numbered.cut && numbered.seq < catchUp.until) waiting.push(catchUp);
          else catchUp.done(numbered.position);
        }
      } else {
        woken = true;
        stuckSince ??= ports.now();
        notBefore = ports.now() + retryDelaysMs.relay;
        for (const { done } of served) done(null);
      }
      if (stopped) end();
      else go();
    });
  }

  function end(): void {
    stopped?.();
    for (const { done } of waiting.splice(0)) done(null);
  }

  return {
    wake() {
      if (mode.is === 'leads') {
        woken = true;
        go();
      } else if (cancel === null && !stopped) {
        arm(lateMs);
      }
    },
    setMode(next) {
      const before = mode;
      mode = next;
      if (mode.is !== 'rests' && (before.is === 'rests' || before.server !== mode.server)) {
        // The database may have been restored: its next events may be below what was numbered before.
        bound = createRelayBound();
      }
      if (mode.is === before.is) return;
      stuckSince = mode.is === 'rests' ? ports.now() : null;
      if (mode.is === 'leads') woken = true;
      if (mode.is === 'rests') for (const { done } of waiting.splice(0)) done(null);
      go();
    },
    onNumbered(listener) {
      tellLast = listener;
    },
    catchUp(done) {
      if (stopped || mode.is === 'rests') {
        done(null);
        return;
      }
      waiting.push({ until: null, done });
      go();
    },
    state: () => ({ is: mode.is, stuckMs: stuckSince === null ? 0 : ports.now() - stuckSince }),
    stop(done) {
      stopped = done;
      cancel?.();
      cancel = null;
      if (!busy) end();
    },
  };
}
