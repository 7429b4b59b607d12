// A made-up world for the dispatcher: a log, threads, a receiver and stored rows under a clock that only the test moves.

import type { PauseReason } from '../../src/model/webhook-cursor.ts';
import { type Dispatcher, createDispatcher } from '../../src/dispatch/dispatcher.ts';
import type { Place } from '../../src/dispatch/place.ts';
import type { SideQuestion, StoredSideItem } from '../../src/dispatch/side-list.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import { decideAfterFailure } from '../../src/policy/retry.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { Turn, TurnReport } from '../../src/worker/turn.ts';
import { createSimulatedTime } from './simulated-time.ts';

/** One request that a receiver saw. */
export type Seen = {
  endpoint: string;
  generation: number;
  /** The replay that it was of; null in the line. */
  item: string | null;
  position: number;
  previous: number | null;
  attempt: number;
  accepted: boolean;
};

type Row = Pick<Seen, 'endpoint' | 'generation' | 'item' | 'position' | 'attempt'> & {
  status: 'delivered' | 'retrying' | 'failed';
};

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
  const { now, at, ...time } = createSimulatedTime();
  const log: LogEntry[] = [];
  const rows: Row[] = [];
  const seen: Seen[] = [];
  const cursors = new Map(endpoints.map(({ id }) => [id, { generation: 1, position: 0, previous: 0 }]));
  /** Of each generation of an endpoint's line, the position after which it began. */
  const lines = endpoints.map(({ id }) => ({ endpoint: id, generation: 1, after: 0 }));
  /** Replays that are stored and not over, in the order of their ids. */
  const items = new Map<string, { endpoint: string; position: number }>();
  const pauses = new Map<string, PauseReason>();
  const onWire = new Map<string, number>();
  const interrupted = new Set<number>();
  const inForce = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  let mostOnWire = 0;
  let mostTurns = 0;
  let generations = 1;
  let replays = 0;
  /** What belongs to a crashed process is not heard any more. */
  let incarnation = 0;
  let dispatcher!: Dispatcher;

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
        const { generation, sideItem: item } = turn;
        const { position, previous } = event;
        seen.push({ endpoint: id, generation, item, position, previous, attempt, accepted });
        if (lost) return end(null);
        const { maxRetries, baseDelayMs, maxDelayMs } = turn.receiver;
        const limits = { attempt, maxRetries, baseDelayMs, maxDelayMs, retryAfterMs: null, gone: false };
        const next = accepted ? null : decideAfterFailure(limits);
        rows.push({ endpoint: id, generation, item, position, status: next?.status ?? 'delivered', attempt });
        if (item !== null && next?.status !== 'retrying') items.delete(item);
        if (next?.status !== 'retrying') settled += 1;
        if (!next) return send(index + 1);
        const waitMs = next.status === 'retrying' ? next.waitMs : 0;
        end({ settled, failure: { status: next.status, attempt, waitMs, message: 'HTTP 500', gone: false } });
      });
    };
    send(0);
  }

  function place(endpoint: Endpoint): Place {
    const cursor = cursors.get(endpoint.id)!;
    const line = lineRows(endpoint.id, cursor.generation).filter(({ position }) => position > cursor.position);
    const settled = new Set(line.filter(({ status }) => status !== 'retrying').map(({ position }) => position));
    const last = line.findLast(({ position }) => !settled.has(position));
    return {
      generation: cursor.generation,
      resumes: 0,
      pauseReason: pauses.get(endpoint.id) ?? null,
      cursor: cursor.position,
      previous: cursor.previous,
      settled,
      retry: last ? { position: last.position, attempts: last.attempt, waitMs: 10 } : null,
      sideWaits: [...items.values()].some((item) => item.endpoint === endpoint.id),
      backlog: 0,
      backlogIsFloor: false,
      lastError: null,
    };
  }

  function lineRows(endpoint: string, generation: number): Row[] {
    return rows.filter((row) => row.endpoint === endpoint && row.generation === generation && row.item === null);
  }

  function readItems(endpoint: string, { known, most }: SideQuestion): StoredSideItem[] {
    const unknown = [...items].filter(([id, item]) => item.endpoint === endpoint && !known.includes(id));
    return unknown.slice(0, Math.min(most.items, 3)).map(([id, { position }]) => {
      const attempts = rows.findLast(({ item }) => item === id)?.attempt ?? 0;
      const event = { ...log[position - 1]!, previous: null };
      return { id, origin: 'replay', attempts, waitMs: attempts > 0 ? 10 : 0, event };
    });
  }

  /** Each is written a while later, perhaps by a process that is no more, and loses against a newer generation. */
  function writeCursors(): void {
    for (const actor of dispatcher.actors()) {
      if (actor.loading) continue;
      const { endpoint, generation } = actor;
      const cursor = { generation, ...actor.cursor(dispatcher.position) };
      const write = () => {
        if (cursors.get(endpoint.id)!.generation === generation) cursors.set(endpoint.id, cursor);
      };
      // A statement is the database's own once it is sent.
      at(chance() * 300, write, { lasts: true });
    }
  }

  /** What an admin's rewind stores, somewhere before the first event that is not settled. */
  function storeRewind(id: string, share: number): void {
    const { cursor, settled } = place(inForce.get(id)!);
    const open = wanted(id).find((position) => position > cursor && !settled.has(position));
    const present = open === undefined ? log.length : open - 1;
    const after = Math.floor(share * present);
    generations += 1;
    const previous = wanted(id).findLast((position) => position <= after) ?? 0;
    cursors.set(id, { generation: generations, position: after, previous });
    lines.push({ endpoint: id, generation: generations, after });
  }

  function wanted(id: string): number[] {
    const matches = compilePatterns(inForce.get(id)!.events);
    return log.filter(({ type }) => matches(type)).map(({ position }) => position);
  }

  function start(): void {
    const born = incarnation;
    dispatcher = createDispatcher({
      position: log.length,
      shares,
      ports: {
        now,
        schedule: (delayMs, callback) =>
          at(delayMs, () => {
            if (born === incarnation) callback();
          }),
        run: runTurn,
        interrupt: (slot) => void interrupted.add(slot),
        readPage(after, done) {
          const page = chance() < rates.failedRead ? [] : log.slice(after, after + 7);
          at(chance() * 50, () => {
            if (born === incarnation) done(page);
          });
        },
        readSide(endpointId, question, done) {
          const read = chance() < rates.failedRead ? null : readItems(endpointId, question);
          at(chance() * 50, () => {
            if (born === incarnation) done(read);
          });
        },
        reload(endpointId) {
          at(chance() * 40, () => {
            const read = place(inForce.get(endpointId)!);
            at(chance() * 40, () => {
              if (born === incarnation) dispatcher.load(endpointId, read);
            });
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
    lines,
    items,
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
      time.crash();
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
    /** Sets an endpoint back by a share (0 to 1) of the way it has come; a crash may come in between. */
    rewind(id: string, share: number): void {
      const [born, held] = [incarnation, dispatcher];
      held.hold(id, () => {
        at(chance() * 100, () => {
          storeRewind(id, share);
          at(chance() * 50, () => {
            if (born === incarnation) held.release(id);
          });
        });
      });
    },
    /** Queues an event of the log, at a share (0 to 1) of its length, to be sent again. */
    replay(id: string, share: number): void {
      const position = Math.ceil(share * log.length);
      const waits = [...items.values()].some((item) => item.endpoint === id && item.position === position);
      if (position === 0 || waits) return;
      items.set(`replay-${(replays += 1)}`, { endpoint: id, position });
      at(chance() * 50, () => dispatcher.stirSide(id));
    },
    configure(endpoint: Endpoint): void {
      inForce.set(endpoint.id, endpoint);
      dispatcher.configure(endpoint);
    },
    writeCursors,
    pass: time.pass,
    /** The positions an endpoint's filter asks for, by the filter now in force. */
    wanted,
  };
}
