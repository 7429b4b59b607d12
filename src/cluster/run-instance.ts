// Runs an instance: connects its ports to real timers, threads, Postgres and Valkey.
//
// What a port answers goes to a callback that nobody waits for. An error thrown there is a bug, and the state behind it is
// not to be trusted: it is an unhandled rejection and ends the process. Its leases run out, and others take over.

import { setImmediate } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { Batch } from '../log/batch.ts';
import type { LogEntry } from '../log/entry.ts';
import type { LogTable } from '../log/table.ts';
import type { LogStream } from '../log/stream.ts';
import { type LogIdentity, beginEpoch, beginStream, streamName } from '../log/identity.ts';
import type { Wakes } from '../log/wakes.ts';
import type { ConfigurationInForce } from '../operations/configurations.ts';
import type { RelaySteps } from '../outbox/relay-steps.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import type { ThreadPool } from '../worker/pool.ts';
import type { EndedTurn, LostTurn, Turn, TurnReport } from '../worker/turn.ts';
import { countMatches } from '../cursors/count-backlog.ts';
import type { writeCursors } from '../cursors/write-cursors.ts';
import { writeHealth } from '../cursors/write-health.ts';
import type { OpenLeaseRows } from './heartbeat-sql.ts';
import { type Instance, createInstance } from './instance.ts';
import type { HeartbeatAnswer } from './instance-ports.ts';
import { type LostTurnParts, recordLost } from './lost-turns.ts';
import { createServerWatch } from './server-watch.ts';
import { createTakeOverLog } from './take-over-log.ts';
import { loadCursors } from '../cursors/load-cursors.ts';
import { readReplays } from '../cursors/read-replays.ts';
import { readStoredStates } from '../cursors/read-stored-states.ts';

const recountEveryMs = 1_000;
/** Some milliseconds of matching. */
const mostAtOnce = 10_000;
/** What the events and replays of all endpoints may take of the memory. */
const windowBytes = 64 * 1024 * 1024;

export type RunningInstance = AsyncDisposable & {
  instance: Instance;
  /** Resolves once another heartbeat has succeeded and the leases that this instance could take are taken. */
  afterHeartbeat(): Promise<void>;
  /** Begins no more turns. Resolves when no turn is in flight and all leases are given back, or after the grace. */
  drain(graceMs: number): Promise<void>;
};

export type InstanceParts = LostTurnParts & {
  /** Names this run of the instance. */
  id: string;
  leaseTtlMs: number;
  orm: MikroORM;
  leases: Omit<OpenLeaseRows, typeof Symbol.asyncDispose>;
  writeCursors: typeof writeCursors;
  /** What the log was called when its stream was opened. */
  identity: LogIdentity;
  table: Pick<LogTable, 'readPage' | 'forget'>;
  stream: Pick<LogStream, 'ready' | 'readStream' | 'readLast' | 'use' | 'onContradiction' | 'onForeign'>;
  relay: Pick<RelaySteps, 'setMode' | 'onNumbered'>;
  configurations: {
    /** Loads the configuration in force, unless it is this version. */
    reach(version: number): Promise<void>;
    /** Loads the configuration in force. Resolves when the listener was told of it. */
    check(): Promise<void>;
    onChange(listener: (inForce: ConfigurationInForce) => void): void;
  };
  wakes: Pick<Wakes, 'wakeOthers' | 'onWake'>;
  pool: Pick<ThreadPool, 'runTurn' | 'interrupt' | 'trust'>;
  slots: { fast: number; slow: number };
  counts: Counts;
  logger: Logger;
};

/** Hears what is counted. */
export type Counts = {
  /** A turn has ended. `delivered` attempts come before the one that failed; of a lost turn only that one is known. */
  turn(ended: {
    endpointId: string;
    origin: Turn['origin'];
    isLost: boolean;
    delivered: number;
    failed: 'retrying' | 'failed' | null;
    latenciesMs: readonly number[];
  }): void;
  leases(change: 'taken' | 'given_back' | 'lost', leases: number): void;
  heartbeat(isAnswered: boolean): void;
  /** Events of the log were read. */
  read(from: 'stream' | 'table', events: number): void;
};

/** Starts an instance. It is the one listener of the parts that it is given. */
export function runInstance(parts: InstanceParts): RunningInstance {
  const { id, orm, leases, table, stream, relay, configurations, wakes, pool, counts, logger } = parts;
  const watch = createServerWatch(logger);
  const takeOvers = createTakeOverLog({
    schedule,
    log: (takeOver) => logger.info(takeOver, 'endpoints were taken over'),
  });
  let { epoch } = parts.identity.stream;
  let closed = false;

  const instance = createInstance({
    id,
    leaseTtlMs: parts.leaseTtlMs,
    slots: parts.slots,
    windowBytes,
    ports: {
      now: () => performance.now(),
      wall: () => Date.now(),
      schedule,
      heartbeat(question, done) {
        const answered = (found: HeartbeatAnswer | null) => {
          counts.heartbeat(found !== null);
          done(found);
        };
        answer(leases.heartbeat(question), watch.answered<HeartbeatAnswer>(answered), null);
      },
      take(rows, done) {
        const taken = leases.take(rows).then((held) => {
          takeOvers.took(rows, held);
          if (held.length > 0) counts.leases('taken', held.length);
          return held;
        });
        answer(taken, done, 'leases could not be taken');
      },
      release(lease, done) {
        counts.leases('given_back', 1);
        const released = leases.release(lease).then(() => wakes.wakeOthers('change'));
        // A failure is not logged for each lease: the heartbeat reports it. Others take the lease when its time is over.
        answer(released, done, null);
      },
      lost: ({ length }) => counts.leases('lost', length),
      trust: pool.trust,
      relay,
      streamReady: () => stream.ready,
      readStream(after, done) {
        const read = (batches: readonly Batch[] | null) => {
          counts.read('stream', batches?.reduce((sum, { length }) => sum + length, 0) ?? 0);
          done(batches);
        };
        answer(stream.readStream(after), read, null);
      },
      readLast: (done) => answer(stream.readLast(), done, null),
      readHead: (done) => answer(leases.readHead(), done, null),
      beginEpoch(change, done) {
        logger.error(
          { past: change.past },
          'The database has lost the end of the log, as a restored one has: a new one begins',
        );
        answer(beginEpoch(orm, change), done, 'the new log could not be begun');
      },
      beginStream(from, done) {
        logger.warn('Somebody else has written to the stream in Valkey: another one begins');
        answer(beginStream(orm, from), done, 'another stream could not be begun');
      },
      useStream(next) {
        if (next.epoch !== epoch) table.forget();
        ({ epoch } = next);
        stream.use(streamName({ prefix: parts.identity.prefix, stream: next }));
      },
      configurations: {
        reach: (version) => void configurations.reach(version),
        check: (done) => void configurations.check().then(done),
      },
      loadCursors: (questions, head, done) =>
        answer(loadCursors(orm, id, questions, head), done, 'cursors could not be loaded'),
      readStoredStates: (ids, done) =>
        answer(readStoredStates(orm, ids), done, 'changes of endpoints could not be read'),
      readPage(after, done) {
        const read = (page: readonly LogEntry[] | null) => {
          counts.read('table', page?.length ?? 0);
          done(page ?? []);
        };
        const page = table.readPage(after).then(async (entries) => {
          await takeTurns(entries.length);
          return entries;
        });
        answer(page, read, 'the log could not be read');
      },
      readReplays: (endpointId, question, done) =>
        answer(readReplays(orm, endpointId, question), done, 'replays could not be read'),
      writeCursors: (rows, server, done) =>
        answer(parts.writeCursors(orm, rows, server), done, 'cursors not written yet'),
      writeHealth: (rows, server, done) =>
        answer(writeHealth(orm, rows, server), done, 'the health of endpoints is not stored yet'),
      runTurn: (turn, done) => void runTurn(turn).then(done),
      interrupt: pool.interrupt,
    },
  });

  const problems = new Set<string>();

  /**
   * Hands over the result of a query; null when it fails, which is logged as `problem`, once until it succeeds: a thousand actors
   * may ask the same four times a second.
   */
  function answer<T>(query: Promise<T | null>, done: (value: T | null) => void, problem: string | null): void {
    void query
      .then(
        (value) => {
          if (problem !== null) problems.delete(problem);
          return value;
        },
        (error: unknown) => {
          if (problem === null || closed || problems.has(problem)) return null;
          problems.add(problem);
          logger.warn({ reason: reasonOf(error) }, `${problem}; trying again`);
          return null;
        },
      )
      .then(done);
  }

  let handedOver = 0;

  /**
   * Pages that are in memory come at once, to one actor after another: after a restart of Postgres thousands of them read
   * thousands of events each. Between some of these, heartbeats and everything else have their turn.
   */
  async function takeTurns(entries: number): Promise<void> {
    handedOver += entries;
    if (handedOver < mostAtOnce) return;
    handedOver = 0;
    await setImmediate();
  }

  async function runTurn(turn: Turn): Promise<TurnReport | LostTurn> {
    const outcome = await pool.runTurn(turn);
    if ('report' in outcome) {
      count(turn, outcome, false);
      return outcome.report;
    }
    const lost = outcome.lost.current === null ? null : await recordLost(turn, outcome.lost.current, parts);
    count(turn, lost ?? { report: { settled: 0, failure: null }, latenciesMs: [] }, true);
    return lost === null ? 'unsent' : 'recorded';
  }

  function count({ endpoint, origin }: Turn, { report, latenciesMs }: EndedTurn, isLost: boolean): void {
    const { settled, failure } = report;
    const delivered = failure?.status === 'failed' ? settled - 1 : settled;
    const failed = failure?.status ?? null;
    counts.turn({ endpointId: endpoint.id, origin, isLost, delivered, failed, latenciesMs });
  }

  /** Counts a backlog again that was too long to count, or was counted with another filter, once it may be exact. */
  async function recount(): Promise<void> {
    const { dispatcher } = instance;
    for (const actor of dispatcher.actors()) {
      const recounted = actor.recount(dispatcher.position);
      if (recounted === null) continue;
      const { after, upTo, take } = recounted;
      await countMatches(orm, { endpoint: actor.endpoint, after }, upTo).then(take, (error: unknown) => {
        if (!closed) logger.warn({ reason: reasonOf(error) }, 'a backlog could not be counted; trying again');
      });
    }
  }

  relay.onNumbered(instance.numbered);
  stream.onContradiction(instance.contradicted);
  stream.onForeign(instance.streamIsForeign);
  configurations.onChange(instance.configure);
  wakes.onWake('change', instance.wake);
  leases.onLost(instance.doubtServer);
  instance.start();

  // One at a time. While Postgres hangs, more would pile up, and the end would wait for all of them.
  let recounting: Promise<void> | null = null;
  const recounter = setInterval(() => {
    recounting ??= recount().finally(() => {
      recounting = null;
    });
  }, recountEveryMs);

  return {
    instance,
    afterHeartbeat: () => new Promise((resolve) => instance.afterHeartbeat(resolve)),
    drain: (graceMs) => within(graceMs, new Promise<void>((resolve) => instance.drain(resolve))),
    async [Symbol.asyncDispose]() {
      closed = true;
      clearInterval(recounter);
      instance.stop();
      takeOvers.stop();
      await recounting;
      await leases.removeInstance().catch(() => {});
    },
  };
}

function schedule(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

/** Waits for `work`, but no longer than `graceMs`: what is cut off is repeated at the next start. */
async function within(graceMs: number, work: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(graceMs, 2 ** 31 - 1));
  await Promise.race([work, over]);
  clearTimeout(timer);
}
