// A made-up world for the dispatcher: a log, threads, a receiver and stored rows under a clock that only the test moves.

import type { PauseReason } from '../../src/model/webhook-cursor.ts';
import type { Place } from '../../src/dispatch/actor.ts';
import { type Dispatcher, createDispatcher } from '../../src/dispatch/dispatcher.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import { decideAfterFailure } from '../../src/policy/retry.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { Turn, TurnReport } from '../../src/worker/turn.ts';

/** One request that a receiver saw. */
export type Seen = { endpoint: string; position: number; previous: number | null; attempt: number; accepted: boolean };

type Row = { endpoint: string; position: number; status: 'delivered' | 'retrying' | 'failed'; attempt: number };
type Timer = { at: number; order: number; callback: () => void };

export type World = ReturnType<typeof createWorld>;

export type WorldOptions = {
  endpoints: Endpoint[];
  /** A number from 0 to 1, the next of a fixed sequence. */
  chance(): number;
  /** How likely an attempt fails, a turn is lost with its thread, and a cold read fails. */
  rates: { failure: number; lostTurn: number; failedRead: number };
  shares?: { fast: number; slow: number };
};

export function createWorld({ endpoints, chance, rates, shares = { fast: 3, slow: 2 } }: WorldOptions) {
  const log: LogEntry[] = [];
  const rows: Row[] = [];
  const seen: Seen[] = [];
  const cursors = new Map<string, { position: number; previous: number }>();
  const pauses = new Map<string, PauseReason>();
  const onWire = new Map<string, number>();
  const interrupted = new Set<number>();
  const inForce = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  let mostOnWire = 0;
  let mostTurns = 0;
  let timers: Timer[] = [];
  let made = 0;
  let now = 0;
  /** What belongs to a crashed process is not heard any more. */
  let incarnation = 0;
  let dispatcher!: Dispatcher;

  function at(delayMs: number, callback: () => void): Timer {
    const timer = { at: now + delayMs, order: (made += 1), callback };
    timers.push(timer);
    return timer;
  }

  /** Sends the turn's events one by one, each after a made-up time, and reports once all rows are written. */
  function runTurn(turn: Turn, done: (report: TurnReport | null) => void): void {
    const born = incarnation;
    const id = turn.receiver.id;
    onWire.set(id, (onWire.get(id) ?? 0) + 1);
    mostOnWire = Math.max(mostOnWire, onWire.get(id)!);
    mostTurns = Math.max(
      mostTurns,
      [...onWire.values()].reduce((sum, count) => sum + count, 0),
    );
    interrupted.delete(turn.slot);
    let settled = 0;

    const end = (report: TurnReport | null) => {
      if (born !== incarnation) return;
      onWire.set(id, onWire.get(id)! - 1);
      done(report);
    };
    const send = (index: number): void => {
      const event = turn.events[index];
      if (!event || (index > 0 && interrupted.has(turn.slot))) return end({ settled, failure: null });
      const attempt = index === 0 ? turn.attemptsBefore + 1 : 1;
      const accepted = chance() >= rates.failure;
      const lost = chance() < rates.lostTurn;
      at(chance() * 400, () => {
        if (born !== incarnation) return;
        seen.push({ endpoint: id, position: event.position, previous: event.previous, attempt, accepted });
        if (lost) return end(null);
        const { maxRetries, baseDelayMs, maxDelayMs } = turn.receiver;
        const limits = { attempt, maxRetries, baseDelayMs, maxDelayMs, retryAfterMs: null, gone: false };
        const next = accepted ? null : decideAfterFailure(limits);
        rows.push({ endpoint: id, position: event.position, status: next?.status ?? 'delivered', attempt });
        if (next?.status !== 'retrying') settled += 1;
        if (!next) return send(index + 1);
        const waitMs = next.status === 'retrying' ? next.waitMs : 0;
        end({ settled, failure: { status: next.status, attempt, waitMs, message: 'HTTP 500', gone: false } });
      });
    };
    send(0);
  }

  function place(endpoint: Endpoint): Place {
    const cursor = cursors.get(endpoint.id) ?? { position: 0, previous: 0 };
    const line = rows.filter((row) => row.endpoint === endpoint.id && row.position > cursor.position);
    const settled = new Set(line.filter(({ status }) => status !== 'retrying').map(({ position }) => position));
    const last = line.findLast(({ position }) => !settled.has(position));
    return {
      generation: 1,
      resumes: 0,
      pauseReason: pauses.get(endpoint.id) ?? null,
      cursor: cursor.position,
      previous: cursor.previous,
      settled,
      retry: last ? { position: last.position, attempts: last.attempt, waitMs: 10 } : null,
      side: [],
      backlog: 0,
      backlogIsFloor: false,
      lastError: null,
    };
  }

  function writeCursors(): void {
    for (const actor of dispatcher.actors()) {
      if (!actor.loading) cursors.set(actor.endpoint.id, actor.cursor(dispatcher.position));
    }
  }

  function start(): void {
    const born = incarnation;
    dispatcher = createDispatcher({
      position: log.length,
      shares,
      ports: {
        now: () => now,
        schedule(delayMs, callback) {
          const timer = at(delayMs, () => {
            if (born === incarnation) callback();
          });
          return () => {
            timers = timers.filter((other) => other !== timer);
          };
        },
        run: runTurn,
        interrupt: (slot) => void interrupted.add(slot),
        readPage(after, done) {
          const page = chance() < rates.failedRead ? [] : log.slice(after, after + 7);
          at(chance() * 50, () => {
            if (born === incarnation) done(page);
          });
        },
        reload(endpointId) {
          at(20, () => {
            if (born === incarnation) dispatcher.load(endpointId, place(inForce.get(endpointId)!));
          });
        },
      },
    });
    for (const endpoint of inForce.values()) dispatcher.add(endpoint, place(endpoint));
  }

  start();

  return {
    log,
    rows,
    seen,
    inForce,
    get mostOnWire() {
      return mostOnWire;
    },
    get mostTurns() {
      return mostTurns;
    },
    publish(type: string): void {
      const position = log.length + 1;
      const entry = { position, id: `event-${position}`, type, addressedTo: null, payload: '{}' };
      log.push(entry);
      dispatcher.offer([entry]);
    },
    /** Ends the process at once, and starts another on what was stored. */
    crash(): void {
      incarnation += 1;
      timers = [];
      onWire.clear();
      start();
    },
    pause(id: string): void {
      pauses.set(id, 'admin');
      dispatcher.pause(id, 'admin');
    },
    resume(id: string): void {
      if (pauses.delete(id)) dispatcher.resume(id, 0);
    },
    configure(endpoint: Endpoint): void {
      inForce.set(endpoint.id, endpoint);
      dispatcher.configure(endpoint);
    },
    writeCursors,
    /** Lets `ms` pass. */
    pass(ms: number): void {
      const end = now + ms;
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end);
        if (due.length === 0) break;
        const next = due.reduce((one, other) =>
          other.at < one.at || (other.at === one.at && other.order < one.order) ? other : one,
        );
        timers = timers.filter((timer) => timer !== next);
        now = next.at;
        next.callback();
      }
      now = end;
    },
    /** The positions an endpoint's filter asks for, by the filter now in force. */
    wanted(id: string): number[] {
      const matches = compilePatterns(inForce.get(id)!.events);
      return log.filter(({ type }) => matches(type)).map(({ position }) => position);
    },
  };
}
