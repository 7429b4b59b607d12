// A dispatcher whose every port is worked by hand: nothing ends, arrives or elapses unless the test says so.

import type { Lease } from '../../src/policy/shards.ts';
import { createDispatcher } from '../../src/dispatch/dispatcher.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import type { ReplayQuestion, StoredReplay } from '../../src/dispatch/replay-window.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import { type Gap, pastGap } from '../../src/log/gaps.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { LostTurn, Turn, TurnReport } from '../../src/worker/turn.ts';
import { entryAt } from '../log/made-up-entries.ts';
import { aLease, emptyCursor } from './made-up-actors.ts';

export type Out = { turn: Turn; end(report: TurnReport | LostTurn): void };

export function driveDispatcher({
  position = 0,
  slots = { fast: 2, slow: 1 },
  gaps = [],
  windowBytes = 2 ** 26,
}: { position?: number; slots?: { fast: number; slow: number }; gaps?: readonly Gap[]; windowBytes?: number } = {}) {
  const log: LogEntry[] = [];
  /** Turns that are out, in the order in which they began. */
  const out: Out[] = [];
  const begun: Turn[] = [];
  const interrupted: number[] = [];
  const reading: { after: number; done(page: readonly LogEntry[]): void }[] = [];
  const readingReplays: { id: string; question: ReplayQuestion; done(items: readonly StoredReplay[] | null): void }[] =
    [];
  const loadingCursors: string[] = [];
  const seen = { idle: 0 };
  let trusts: (lease: Lease) => boolean = () => true;
  const timers = new Set<{ at: number; callback: () => void }>();
  let now = 0;

  const dispatcher = createDispatcher({
    position,
    slots,
    windowBytes,
    ports: {
      now: () => now,
      schedule(delayMs, callback) {
        const timer = { at: now + delayMs, callback };
        timers.add(timer);
        return () => void timers.delete(timer);
      },
      runTurn(turn, done) {
        begun.push(turn);
        const entry: Out = {
          turn,
          end(report) {
            out.splice(out.indexOf(entry), 1);
            done(report);
          },
        };
        out.push(entry);
      },
      interrupt: (slot) => interrupted.push(slot),
      readPage: (after, done) => reading.push({ after, done }),
      readReplays: (id, question, done) => readingReplays.push({ id, question, done }),
      loadCursor: (endpointId) => loadingCursors.push(endpointId),
      trusts: (lease) => trusts(lease),
      configuration: () => 1,
      pastGap: (at) => pastGap(gaps, at),
      idle() {
        seen.idle += 1;
      },
    },
  });

  return {
    dispatcher,
    log,
    out,
    begun,
    interrupted,
    reading,
    readingReplays,
    loadingCursors,
    seen,
    /** Begins an endpoint, whose cursor is read at once. */
    serve(endpoint: Endpoint, cursor: CursorState = emptyCursor, lease = aLease): void {
      dispatcher.add(endpoint, lease);
      if (loadingCursors.at(-1) !== endpoint.id) throw new Error(`nobody asked for the cursor of ${endpoint.id}`);
      loadingCursors.pop();
      dispatcher.load(endpoint.id, cursor);
    },
    /** Reads the cursor of each endpoint that has to be read again, and the pages that this makes it read. */
    loadAs(cursor: CursorState): void {
      for (const id of loadingCursors.splice(0)) dispatcher.load(id, cursor);
      while (reading.length > 0) this.answerRead();
    },
    /** Which leases are trusted from now on. */
    trust(which: (lease: Lease) => boolean): void {
      trusts = which;
    },
    publish(type: string, given: Partial<LogEntry> = {}): number {
      const entry = entryAt(position + log.length + 1, { type, ...given });
      log.push(entry);
      dispatcher.offer([entry]);
      return entry.position;
    },
    /** The turn that an endpoint has out. */
    turnOf(id: string): Out {
      const found = out.find(({ turn }) => turn.endpoint.id === id);
      if (!found) throw new Error(`${id} has no turn out`);
      return found;
    },
    /** Ends an endpoint's turn with everything delivered. */
    deliver(id: string): number[] {
      const { turn, end } = this.turnOf(id);
      end({ settled: turn.events.length, failure: null });
      return turn.events.map((event) => event.position);
    },
    /** Answers the oldest read with the page that the log has. */
    answerRead(most = 500): void {
      const { after, done } = reading.shift()!;
      done(log.slice(after - position, after - position + most));
    },
    pass(ms: number): void {
      const end = now + ms;
      for (;;) {
        let next = { at: Infinity, callback: () => {} };
        for (const timer of timers) if (timer.at < next.at) next = timer;
        if (next.at > end) break;
        timers.delete(next);
        now = next.at;
        next.callback();
      }
      now = end;
    },
  };
}
