// The simulated threads of one process: they run turns by the real steps, send, and write their rows in batches.

import type { Lease } from '../../src/policy/shards.ts';
import type { Row } from './tables.ts';
import { copy, record } from './tables.ts';
import { hash } from '../../src/policy/hash.ts';
import { verdictOf } from '../../src/policy/verdict.ts';
import type { LostTurn, Turn, TurnReport } from '../../src/worker/turn.ts';
import { failureOf } from '../../src/worker/turn-failure.ts';
import { createTurnSteps } from '../../src/worker/turn-steps.ts';
import type { OrderWatch } from './order-watch.ts';
import type { Process } from './process.ts';
import type { Postgres } from './postgres.ts';
import { createLostTurns } from './lost-turns.ts';
import type { Receivers } from './receivers.ts';
import type { Watch } from './watch.ts';

export type ThreadsParts = {
  process: Process;
  chance(): number;
  postgres: Postgres;
  receivers: Receivers;
  watch: Watch;
  orders: OrderWatch;
  /** The next id of a row. */
  nextRow(): number;
};

type Thread = { recorder: ReturnType<typeof createRecorder>; turns: Set<Running>; hangsUntil: number };
type Running = { turn: Turn; current: number | null; die(): void; done(lost: LostTurn): void };

const threadCount = 2;

export function createThreads(parts: ThreadsParts) {
  const { process, chance, receivers, watch, orders, nextRow } = parts;
  const mainRecorder = createRecorder(parts);
  const lostTurns = createLostTurns(process, () => watch.restores);
  const threads = Array.from({ length: threadCount }, newThread);
  const stopped = new Set<number>();
  const trusted = new Map<number, { epoch: number; until: number }>();

  const control = {
    stopped: (slot: number) => stopped.has(slot),
    trusts({ index, epoch }: Lease) {
      const lease = trusted.get(index);
      return lease?.epoch === epoch && process.now() < lease.until;
    },
  };

  function newThread(): Thread {
    return { recorder: createRecorder(parts), turns: new Set(), hangsUntil: 0 };
  }

  /** Calls back when something has reached a thread, and it does not hang. */
  function hear(thread: Thread, delayMs: number, callback: () => void): void {
    process.hear(delayMs, () => {
      const left = thread.hangsUntil - process.now();
      if (left > 0) hear(thread, left, callback);
      else callback();
    });
  }

  function rowOf(
    turn: Turn,
    index: number,
    attempt: number,
    given: Pick<Row, 'id' | 'status' | 'waitMs' | 'pause'>,
  ): Row {
    const { id: eventId, type, position } = turn.events[index]!;
    const {
      generation,
      resumes,
      origin,
      replayId: item,
      endpoint: { id: endpoint },
    } = turn;
    const what = { endpoint, eventId, type, position, generation, resumes, origin, item, attempt };
    return { ...what, ...given, leaseEpoch: turn.lease.epoch, recordedAt: 0, by: process.id };
  }

  function runTurn(turn: Turn, done: (report: TurnReport | LostTurn) => void): void {
    stopped.delete(turn.slot);
    lostTurns.began(turn);
    const thread = threads[hash(turn.endpoint.id) % threadCount]!;
    const steps = createTurnSteps(turn, { now: process.now, control });
    let isLost = false;
    let waits = false;
    const die = () => {
      isLost = true;
    };
    const running: Running = { turn, current: null, die, done };
    thread.turns.add(running);

    function go(): void {
      if (isLost) return;
      const step = steps.next();
      waits = step.do === 'wait';
      if (step.do === 'end') {
        thread.turns.delete(running);
        process.hear(chance(), () => {
          if (isLost) return;
          lostTurns.worked(turn);
          done(step.report);
        });
      } else if (step.do === 'send') {
        running.current = step.index;
        hear(thread, receivers.connectMs(turn.endpoint.id), () => connected(step.index, step.attempt));
      }
    }

    function connected(index: number, attempt: number): void {
      if (isLost) return;
      if (!steps.mayBegin()) {
        running.current = null;
        steps.notSent();
        return go();
      }
      watch.decided(process, turn, index);
      orders.decided(process, turn);
      // The thread may be stopped between its look at the lease and the first byte.
      hear(thread, chance() * 2, () => {
        if (!isLost) send(index, attempt);
      });
    }

    function send(index: number, attempt: number): void {
      const { id: eventId, position, previous } = turn.events[index]!;
      const { generation, resumes, replayId: item, endpoint, lease } = turn;
      const id = nextRow();
      const reaction = receivers.react(endpoint.id, endpoint.timeoutMs);
      const request = {
        ...{ row: id, endpoint: endpoint.id, eventId, position, previous, generation, resumes, item, attempt, lease },
        ...{ by: process.id, sentAt: 0, arrivedAt: null, accepted: false, answered: reaction.status !== null },
        ...{ afterMs: reaction.afterMs, isOfOldHistory: false, isZombie: false },
      };
      watch.sent(process, request, reaction);
      orders.sent(request);
      hear(thread, reaction.afterMs, () => {
        if (isLost) return;
        running.current = null;
        const verdict = verdictOf(reaction.status);
        const failure = steps.attempted({ verdict, retryAfterMs: null });
        watch.answered(request, failure);
        const [status, waitMs] = [failure?.status ?? 'delivered', failure?.waitMs ?? 0] as const;
        const pause = failure?.pause ?? null;
        const row = rowOf(turn, index, attempt, { id, status, waitMs, pause });
        thread.recorder.record(row, () => {
          steps.recorded();
          if (waits) go();
        });
        go();
      });
    }

    hear(thread, chance() * 2, go);
  }

  /** The event that a dying thread had on the wire has spent an attempt. */
  function recordLost({ turn, current, done }: Running): void {
    if (current === null) {
      return process.hear(1, () => {
        lostTurns.lost(turn);
        done('unsent');
      });
    }
    const attempt = current === 0 ? turn.attemptsBefore + 1 : 1;
    const { status, waitMs, pause } = failureOf(turn, attempt, { gone: false, retryAfterMs: null });
    const row = rowOf(turn, current, attempt, { id: nextRow(), status, waitMs, pause });
    mainRecorder.record(row, () => done('recorded'));
  }

  return {
    runTurn,
    interrupt: (slot: number) => void stopped.add(slot),
    trust({ index, epoch }: Lease, forMs: number): void {
      trusted.set(index, { epoch, until: process.now() + forMs });
    },
    trusts: control.trusts,
    /** Ends a thread with all its turns, and starts another in its place. */
    kill(which: number): void {
      const { recorder, turns } = threads[which]!;
      recorder.kill();
      threads[which] = newThread();
      for (const running of turns) {
        watch.threadDied(process, running.turn.endpoint.id);
        running.die();
        recordLost(running);
      }
    },
    /** Keeps a thread from going on, while everything else does. */
    hang(which: number, ms: number): void {
      threads[which]!.hangsUntil = process.now() + ms;
    },
    /** No turn runs, and no row waits to be written. */
    get isIdle() {
      return mainRecorder.size === 0 && threads.every(({ recorder, turns }) => recorder.size === 0 && turns.size === 0);
    },
  };
}

const retryMs = { first: 100, last: 2_000 };

/** Writes rows one batch after another, in the order in which they came, each until it is durable. */
function createRecorder({ process, postgres, watch }: Pick<ThreadsParts, 'process' | 'postgres' | 'watch'>) {
  let waiting: { row: Row; done: () => void }[] = [];
  let writing = 0;
  let dead = false;

  function write(): void {
    const batch = waiting;
    waiting = [];
    writing = batch.length;
    attempt(batch, retryMs.first, copy);
  }

  function attempt(batch: { row: Row; done: () => void }[], waitMs: number, put: typeof copy | typeof record): void {
    const rows = batch.map(({ row }) => row);
    postgres.ask(
      process,
      (tables) => {
        if (put(tables, rows, postgres.clock()) === 'refused') return null;
        watch.recorded(rows);
        return true;
      },
      (isWritten) => {
        if (dead) return;
        if (!isWritten) {
          process.after(waitMs, () => dead || attempt(batch, Math.min(waitMs * 2, retryMs.last), record));
          return;
        }
        writing = 0;
        for (const { done } of batch) done();
        if (waiting.length > 0) write();
      },
    );
  }

  return {
    record(row: Row, done: () => void): void {
      waiting.push({ row, done });
      if (writing === 0) write();
    },
    kill(): void {
      dead = true;
    },
    get size() {
      return waiting.length + writing;
    },
  };
}
