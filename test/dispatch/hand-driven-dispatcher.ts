// A dispatcher whose every port is worked by hand: nothing ends, arrives or elapses unless the test says so.

import { createDispatcher } from '../../src/dispatch/dispatcher.ts';
import type { Place } from '../../src/dispatch/place.ts';
import type { SideQuestion, StoredSideItem } from '../../src/dispatch/side-list.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import type { Turn, TurnReport } from '../../src/worker/turn.ts';
import { entryAt } from '../log/made-up-entries.ts';

export const emptyPlace: Place = {
  generation: 1,
  resumes: 0,
  pauseReason: null,
  cursor: 0,
  previous: 0,
  settled: new Set(),
  retry: null,
  sideWaits: false,
  backlog: 0,
  backlogIsFloor: false,
  lastError: null,
};

export type Out = { turn: Turn; end(report: TurnReport | null): void };

export function driveDispatcher({ position = 0, shares = { fast: 2, slow: 1 } } = {}) {
  const log: LogEntry[] = [];
  /** Turns that are out, in the order in which they began. */
  const out: Out[] = [];
  const begun: Turn[] = [];
  const interrupted: number[] = [];
  const reading: { after: number; done(page: readonly LogEntry[]): void }[] = [];
  const readingSide: { id: string; question: SideQuestion; done(items: readonly StoredSideItem[] | null): void }[] = [];
  const reloading: string[] = [];
  let timers: { at: number; callback: () => void }[] = [];
  let now = 0;

  const dispatcher = createDispatcher({
    position,
    shares,
    ports: {
      now: () => now,
      schedule(delayMs, callback) {
        const timer = { at: now + delayMs, callback };
        timers.push(timer);
        return () => {
          timers = timers.filter((other) => other !== timer);
        };
      },
      run(turn, done) {
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
      readSide: (id, question, done) => readingSide.push({ id, question, done }),
      reload: (endpointId) => reloading.push(endpointId),
    },
  });

  return {
    dispatcher,
    log,
    out,
    begun,
    interrupted,
    reading,
    readingSide,
    reloading,
    publish(type: string, given: Partial<LogEntry> = {}): number {
      const entry = entryAt(position + log.length + 1, { type, ...given });
      log.push(entry);
      dispatcher.offer([entry]);
      return entry.position;
    },
    /** The turn that an endpoint has out. */
    turnOf(id: string): Out {
      const found = out.find(({ turn }) => turn.receiver.id === id);
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
        const next = timers.filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)[0];
        if (!next) break;
        timers = timers.filter((timer) => timer !== next);
        now = next.at;
        next.callback();
      }
      now = end;
    },
  };
}
