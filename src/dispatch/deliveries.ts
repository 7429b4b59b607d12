// An instance at work: its ports are real timers, threads, Postgres and Valkey.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { ColdLog } from '../log/cold.ts';
import type { HotLog } from '../log/hot.ts';
import { beginEpoch } from '../log/identity.ts';
import { newId } from '../model/new-id.ts';
import type { RelayMode } from '../outbox/relay-steps.ts';
import { decideAfterFailure } from '../policy/retry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { deliveryRow } from '../worker/delivery-row.ts';
import type { ThreadPool } from '../worker/pool.ts';
import type { Recorder } from '../worker/recorder.ts';
import type { Turn, TurnReport } from '../worker/turn.ts';
import type { Actor } from './actor.ts';
import { countMatches } from './backlog.ts';
import type { LeaseRows } from './beat-rows.ts';
import type { CursorRow } from './cursor-writer.ts';
import { type Instance, createInstance } from './instance.ts';
import type { BeatAnswer } from './instance-ports.ts';
import { loadPlaces } from './places.ts';
import { readSideItems } from './side-items.ts';
import { readStandings } from './standings.ts';
import { exactTo } from './stored-place.ts';

const recountEveryMs = 1_000;

export type Deliveries = AsyncDisposable & {
  instance: Instance;
  /** The database server of the last beat: what any other has was not compared yet. */
  readonly server: string | null;
  /** Resolves once another beat went well and the leases that were to be had are taken. */
  afterBeat(): Promise<void>;
  /** Begins no more turns; resolves when nothing is on the wire and all that was held is given back. */
  drain(): Promise<void>;
};

export type DeliveriesParts = {
  /** Of this run of the instance. */
  id: string;
  leaseTtlMs: number;
  orm: MikroORM;
  leases: LeaseRows;
  cursors: { write(rows: readonly CursorRow[], server: string | null): Promise<ReadonlySet<string>> };
  cold: Pick<ColdLog, 'page'>;
  hot: Pick<HotLog, 'ready' | 'read' | 'last' | 'append'> | null;
  pool: Pick<ThreadPool, 'run' | 'interrupt' | 'trust'>;
  /** Writes the row of an attempt whose thread died with it. */
  recorder: Pick<Recorder, 'record'>;
  shares: { fast: number; slow: number };
  onRelay(mode: RelayMode): void;
  /** A newer configuration than the instance's own is in force. */
  onConfiguration(version: number): void;
  /** Reads the configuration in force, whatever its version; resolves when that is what `configure` gave. */
  checkConfiguration(): Promise<void>;
  /** Another history of the log is in force. */
  onEpoch(epoch: string): void;
  /** A lease was given back. */
  onRelease(): void;
  log: Logger;
};

export function startDeliveries(parts: DeliveriesParts): Deliveries {
  const { id, orm, leases, cold, hot, pool, recorder, log } = parts;
  const watch = createServerWatch(log);
  let server: string | null = null;
  let closed = false;

  const instance = createInstance({
    id,
    leaseTtlMs: parts.leaseTtlMs,
    shares: parts.shares,
    ports: {
      now: () => performance.now(),
      wall: () => Date.now(),
      schedule(delayMs, callback) {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      },
      beat(question, done) {
        const heard = watch.heard<BeatAnswer>((told) => {
          // What began under the one before does not end here; and nothing begins before the instance has compared the log.
          if (told) server = told.server;
          done(told);
        });
        answer(leases.beat(question), heard, null);
      },
      take: (rows, done) => answer(leases.take(rows), done, 'leases could not be taken'),
      release(lease, done) {
        const given = leases.release(lease).then(parts.onRelease);
        // A failure is told by the beat, once for all of them; whoever is not given it takes it when its time is over.
        answer(given, done, null);
      },
      trust: (lease, until) => pool.trust(lease, until - performance.now()),
      relay: parts.onRelay,
      hotReady: () => hot?.ready ?? false,
      readHot: (after, done) => answer(hot!.read(after), done, null),
      append: (entries) => hot!.append(entries),
      readLast: (done) => answer(hot!.last(), (last) => done(hot!.ready ? { last } : null), null),
      beginEpoch(change, done) {
        log.error(
          { past: change.past },
          'The database has lost the end of the log, as a restored one has: a new one begins',
        );
        answer(beginEpoch(orm, change), done, 'the new log could not be begun');
      },
      useEpoch: parts.onEpoch,
      reachConfiguration: parts.onConfiguration,
      checkConfiguration: (done) => void parts.checkConfiguration().then(done),
      readPlaces: (questions, head, done) =>
        answer(loadPlaces(orm, id, questions, head), done, 'places could not be read'),
      readStandings: (ids, done) => answer(readStandings(orm, ids), done, 'changes of endpoints could not be read'),
      readPage: (after, done) => answer(cold.page(after), (page) => done(page ?? []), 'the log could not be read'),
      readSide: (endpointId, question, done) =>
        answer(readSideItems(orm, endpointId, question), done, 'tests and replays could not be read'),
      writeCursors: (rows, done) => answer(parts.cursors.write(rows, server), done, 'cursors not written yet'),
      run: (turn, done) => void run(turn).then(done),
      interrupt: (slot) => pool.interrupt(slot),
    },
  });

  /** Hands over what comes of a question; null when it fails, which is told as `problem`. */
  function answer<T>(question: Promise<T | null>, done: (value: T | null) => void, problem: string | null): void {
    void question
      .catch((error: unknown) => {
        if (problem !== null && !closed) log.warn({ reason: reasonOf(error) }, `${problem}; trying again`);
        return null;
      })
      .then(done);
  }

  async function run(turn: Turn): Promise<TurnReport | null> {
    const outcome = await pool.run(turn);
    if ('report' in outcome) return outcome.report;
    if (outcome.lost.current !== null) await recordLost(turn, outcome.lost.current);
    return null;
  }

  /** The event that a dying thread had on the wire has spent an attempt, or one that kills threads would never end. */
  async function recordLost(turn: Turn, current: number): Promise<void> {
    const event = turn.events[current]!;
    const attempt = current === 0 ? turn.attemptsBefore + 1 : 1;
    const { maxRetries, baseDelayMs, maxDelayMs } = turn.receiver;
    const next = decideAfterFailure({ attempt, maxRetries, baseDelayMs, maxDelayMs, retryAfterMs: null, gone: false });
    const lost = {
      createdAt: new Date(),
      completedAt: null,
      latencyMs: 0,
      httpStatus: null,
      errorMessage: 'worker lost: the delivery thread ended while this request was under way',
      responseBody: null,
    };
    const failure = { status: next.status, waitMs: next.status === 'retrying' ? next.waitMs : 0 };
    const row = deliveryRow({ id: newId(), turn, event, attempt, result: lost, failure });
    await recorder.record({ row, gone: false });
  }

  /** A backlog that was too long to count, or counted by another filter, is counted again when it may be exact. */
  async function recount(): Promise<void> {
    const { dispatcher } = instance;
    for (const actor of dispatcher.actors()) {
      const isDue = !actor.loading && actor.backlogIsFloor && actor.backlog < exactTo;
      if (!isDue || actor.isPassing(dispatcher.position)) continue;
      await recountOf(actor).catch((error: unknown) => {
        if (!closed) log.warn({ reason: reasonOf(error) }, 'a backlog could not be counted; trying again');
      });
    }
  }

  async function recountOf(actor: Actor): Promise<void> {
    const { dispatcher } = instance;
    const { position } = actor.cursor(dispatcher.position);
    const before = { backlog: actor.backlog, dispatched: dispatcher.position, beginning: actor.beginning };
    const count = await countMatches(orm, { endpoint: actor.endpoint, after: position }, before.dispatched);
    // Loaded again or with another filter by now: this number is of no use.
    if (actor.beginning !== before.beginning) return;
    // What came and went while it was counted is in the difference.
    actor.backlog = count.count + (actor.backlog - before.backlog);
    actor.backlogIsFloor = count.isFloor;
  }

  instance.start();

  // One at a time: while Postgres hangs they would pile up, and an end would wait for all of them.
  let recounting: Promise<void> | null = null;
  const recounter = setInterval(() => {
    recounting ??= recount().finally(() => {
      recounting = null;
    });
  }, recountEveryMs);

  return {
    instance,
    get server() {
      return server;
    },
    afterBeat: () => new Promise((resolve) => instance.afterBeat(resolve)),
    drain: () => new Promise((resolve) => instance.leave(resolve)),
    async [Symbol.asyncDispose]() {
      closed = true;
      clearInterval(recounter);
      instance.stop();
      await recounting;
      await leases.leave().catch(() => {});
    },
  };
}

/** A Postgres that is away is told once, and so is its return. */
function createServerWatch(log: Logger) {
  let away = false;
  return {
    heard<T>(done: (value: T | null) => void): (value: T | null) => void {
      return (value) => {
        if (value === null && !away) log.warn('Postgres does not answer; deliveries pause until it does');
        if (value !== null && away) log.info('Postgres answers again');
        away = value === null;
        done(value);
      };
    },
  };
}
