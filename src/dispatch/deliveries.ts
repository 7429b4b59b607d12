// The dispatcher at work: its ports are real timers, threads and Postgres, and its cursors are written as they move.

import { newId } from '../model/new-id.ts';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogEntry } from '../log/entry.ts';
import { decideAfterFailure } from '../policy/retry.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { deliveryRow } from '../worker/delivery-row.ts';
import type { ThreadPool } from '../worker/pool.ts';
import type { Recorder } from '../worker/recorder.ts';
import type { Turn, TurnReport } from '../worker/turn.ts';
import { countMatches, exactTo } from './backlog.ts';
import { createCursorWriter } from './cursors.ts';
import { type Dispatcher, createDispatcher } from './dispatcher.ts';
import type { Place } from './place.ts';
import { loadPlaces } from './places.ts';
import { readSideItems } from './side-items.ts';
import type { SideQuestion, StoredSideItem } from './side-list.ts';

const writeCursorsEveryMs = 1_000;
const reloadRetryMs = 500;

export type Deliveries = AsyncDisposable & {
  dispatcher: Dispatcher;
  /** Puts a changed configuration in force, all of it between two turns of the event loop. */
  apply(change: ConfigurationChange): Promise<void>;
  /**
   * Runs `work`, which may change where the endpoint stands, while nothing is on the wire to it and nothing unrecorded;
   * then goes on from what is stored. Waits for the request under way, which may take as long as its time-out.
   */
  whileStill<T>(endpointId: string, work: () => Promise<T>): Promise<T>;
  /** Sends nothing more, and resolves when nothing is on the wire. */
  drain(): Promise<void>;
};

export type ConfigurationChange = {
  /** Endpoints that begin to be served; each has a place in the log. */
  started: readonly Endpoint[];
  changed: readonly Endpoint[];
  /** Ids of those no longer served. */
  stopped: readonly string[];
};

export type DeliveriesParts = {
  orm: MikroORM;
  cold: { page(after: number): Promise<readonly LogEntry[]> };
  pool: Pick<ThreadPool, 'run' | 'interrupt'>;
  /** Writes the row of an attempt whose thread died with it. */
  recorder: Pick<Recorder, 'record'>;
  /** The log's end: the dispatcher reads on from here, the actors read what is before it themselves. */
  head: number;
  shares: { fast: number; slow: number };
  log: Logger;
};

export function startDeliveries({ orm, cold, pool, recorder, head, shares, log }: DeliveriesParts): Deliveries {
  const cursors = createCursorWriter(orm);
  let idle: (() => void) | null = null;
  let closed = false;

  const dispatcher = createDispatcher({
    position: head,
    shares,
    ports: {
      now: () => performance.now(),
      schedule(delayMs, callback) {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      },
      interrupt: (slot) => pool.interrupt(slot),
      run: (turn, done) => void run(turn, done),
      readPage: (after, done) => void readPage(after, done),
      readSide: (endpointId, question, done) => void readSide(endpointId, question, done),
      reload: (endpointId) => void reload(endpointId),
    },
  });

  async function run(turn: Turn, done: (report: TurnReport | null) => void): Promise<void> {
    const outcome = await pool.run(turn);
    if ('lost' in outcome && outcome.lost.current !== null) await recordLost(turn, outcome.lost.current);
    done('report' in outcome ? outcome.report : null);
    if (dispatcher.running === 0) idle?.();
  }

  /** The event that a dying thread had on the wire has spent an attempt, or one that kills threads would never end. */
  async function recordLost(turn: Turn, current: number): Promise<void> {
    const event = turn.events[current]!;
    const attempt = current === 0 ? turn.attemptsBefore + 1 : 1;
    const { maxRetries, baseDelayMs, maxDelayMs } = turn.receiver;
    const next = decideAfterFailure({ attempt, maxRetries, baseDelayMs, maxDelayMs, retryAfterMs: null, gone: false });
    const answer = {
      createdAt: new Date(),
      completedAt: null,
      latencyMs: 0,
      httpStatus: null,
      errorMessage: 'worker lost: the delivery thread ended while this request was under way',
      responseBody: null,
    };
    const failure = { status: next.status, waitMs: next.status === 'retrying' ? next.waitMs : 0 };
    const row = deliveryRow({ id: newId(), turn, event, attempt, answer, failure });
    await recorder.record({ row, gone: false });
  }

  async function readPage(after: number, done: (page: readonly LogEntry[]) => void): Promise<void> {
    let page: readonly LogEntry[] = [];
    try {
      page = await cold.page(after);
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'the log could not be read from Postgres; trying again');
    }
    done(page);
  }

  async function readSide(
    endpointId: string,
    question: SideQuestion,
    done: (items: readonly StoredSideItem[] | null) => void,
  ): Promise<void> {
    let items: readonly StoredSideItem[] | null = null;
    try {
      items = await readSideItems(orm, endpointId, question);
    } catch (error) {
      log.warn({ endpoint_id: endpointId, reason: reasonOf(error) }, 'tests and replays not read; trying again');
    }
    done(items);
  }

  async function reload(endpointId: string): Promise<void> {
    const actor = dispatcher.actor(endpointId);
    if (!actor || closed) return;
    const asOf = dispatcher.position;
    const before = actor.backlog;
    try {
      const place = (await loadPlaces(orm, [actor.endpoint], asOf)).get(endpointId);
      if (!place || dispatcher.actor(endpointId) !== actor) return;
      // What came meanwhile was added to the old number.
      dispatcher.load(endpointId, { ...place, backlog: place.backlog + actor.backlog - before });
    } catch (error) {
      log.warn({ endpoint_id: endpointId, reason: reasonOf(error) }, 'its place could not be read; trying again');
      setTimeout(() => void reload(endpointId), reloadRetryMs);
    }
  }

  /** What cannot be read now is read again later, one by one: a change that is stored is not left half in force. */
  async function placesOf(endpoints: readonly Endpoint[], asOf: number): Promise<ReadonlyMap<string, Place>> {
    try {
      return await loadPlaces(orm, endpoints, asOf);
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'places could not be read; trying again');
      return new Map();
    }
  }

  async function writeCursors(): Promise<void> {
    try {
      await recount();
      await cursors.write(dispatcher.actors(), dispatcher.position);
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'cursors not written yet');
    }
  }

  /** A backlog that was too long to count, or counted by another filter, is counted again when it may be exact. */
  async function recount(): Promise<void> {
    for (const actor of dispatcher.actors()) {
      if (actor.loading || actor.passing || !actor.backlogIsFloor || actor.backlog >= exactTo) continue;
      const { position } = actor.cursor(dispatcher.position);
      const before = { backlog: actor.backlog, dispatched: dispatcher.position, beginning: actor.beginning };
      const [count] = await countMatches(orm, [{ endpoint: actor.endpoint, after: position }], before.dispatched);
      // Loaded again or with another filter by now: this number is of no use.
      if (actor.beginning !== before.beginning) continue;
      // What came and went while it was counted is in the difference.
      actor.backlog = count!.count + (actor.backlog - before.backlog);
      actor.backlogIsFloor = count!.isFloor;
    }
  }

  // One at a time: while Postgres hangs they would pile up, and an end would wait for all of them.
  let writing: Promise<void> | null = null;
  const writer = setInterval(() => {
    writing ??= writeCursors().finally(() => {
      writing = null;
    });
  }, writeCursorsEveryMs);

  return {
    dispatcher,
    async apply({ started, changed, stopped }) {
      const asOf = dispatcher.position;
      const places = await placesOf(started, asOf);
      // Nobody counted what came meanwhile.
      const isFloor = dispatcher.position > asOf;
      for (const id of stopped) dispatcher.remove(id);
      for (const endpoint of changed) dispatcher.configure(endpoint);
      for (const endpoint of started) {
        const place = places.get(endpoint.id);
        dispatcher.add(endpoint, place ? { ...place, backlogIsFloor: place.backlogIsFloor || isFloor } : null);
      }
    },
    async whileStill(endpointId, work) {
      await new Promise<void>((still) => dispatcher.hold(endpointId, still));
      try {
        return await work();
      } finally {
        dispatcher.release(endpointId);
      }
    },
    async drain() {
      dispatcher.stop();
      if (dispatcher.running === 0) return;
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      clearInterval(writer);
      dispatcher.stop();
      await writing;
      await writeCursors();
    },
  };
}
