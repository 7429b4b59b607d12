// Places in the service where a test lets it die, stop or wait, in whichever thread they are reached.

import { setTimeout as sleep } from 'node:timers/promises';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Arrange } from '../../src/arrange.ts';
import type { openLeaseRows } from '../../src/cluster/heartbeat-sql.ts';
import type { writeCursors } from '../../src/cursors/write-cursors.ts';
import type { LogStream } from '../../src/log/stream.ts';
import type { Transactions } from '../../src/outbox/transactions.ts';
import type { ThreadPool } from '../../src/worker/pool.ts';
import type { Recorder } from '../../src/worker/recorder.ts';
import type { TurnParts } from '../../src/worker/run-turn.ts';

/** By the names under which they are arranged; of the relay's ORM each fork. */
type Parts = {
  transactions: Transactions;
  relayOrm: EntityManager;
  stream: LogStream;
  pool: ThreadPool;
  turn: TurnParts;
  recorder: Recorder;
  cursors: { writeCursors: typeof writeCursors };
  leases: ReturnType<typeof openLeaseRows>;
};

type MethodOf<Part> = { [Key in keyof Part & string]: Part[Key] extends Callable ? Key : never }[keyof Part & string];
type Callable = (...args: never[]) => unknown;
type Place = { [Name in keyof Parts]: `${Name}.${MethodOf<Parts[Name]>}` }[keyof Parts];

/**
 * A place is the name of a part, one of its methods, and when: before the call, within it (at the end of the function
 * that it is given), or after it, once it has come to something. Numbering is the relay's transaction.
 */
export const failpoints = [
  'within transactions.run',
  'after transactions.run',
  'within relayOrm.transactional',
  'before stream.append',
  'after stream.append',
  'after stream.readStream',
  'before pool.runTurn',
  'after pool.runTurn',
  'before turn.deliver',
  'after turn.deliver',
  'after recorder.record',
  'after cursors.writeCursors',
  'after leases.heartbeat',
  'after leases.take',
  'before leases.release',
] as const satisfies `${'before' | 'within' | 'after'} ${Place}`[];

export type Failpoint = (typeof failpoints)[number];

/**
 * To be killed as by kill -9, to be stopped as by kill -STOP, to hang there for ever, or to wait for milliseconds; or that
 * the thread alone ends, at once or for want of memory, if it is not the main one.
 */
export type Act = 'kill' | 'stop' | 'hang' | ThreadEnd | number;
export type ThreadEnd = 'exit' | 'exhaust';

/** What a failpoint is armed with: the `at`-th arrival from now on acts. */
export type Arming = { point: Failpoint; at: number; act: Act };

const words = { kill: -1, stop: -2, hang: -3, exit: -4, exhaust: -5 };
const stopsWithinMs = 100;
const memoryName = 'failpoints';

/** Opens the failpoints of this process: its threads, started later, share them. */
export function openFailpoints() {
  const known = getEnvironmentData(memoryName) as SharedArrayBuffer | undefined;
  const memory = known ?? new SharedArrayBuffer(failpoints.length * 2 * Int32Array.BYTES_PER_ELEMENT);
  if (!known) setEnvironmentData(memoryName, memory);
  const armed = new Int32Array(memory);
  const places = new Map<string, number>(failpoints.map((point, index) => [point, index * 2]));

  /** Acts when it is time; undefined when there is nothing to wait for. */
  function arrive(point: string): Promise<void> | undefined {
    const place = places.get(point);
    if (place === undefined || Atomics.load(armed, place) === 0) return undefined;
    if (Atomics.sub(armed, place, 1) !== 1) return undefined;
    const act = Atomics.load(armed, place + 1);
    if (act === words.kill) process.kill(process.pid, 'SIGKILL');
    if (act === words.stop) {
      process.kill(process.pid, 'SIGSTOP');
      // The signal may take a moment to reach this thread.
      return sleep(stopsWithinMs);
    }
    if (act === words.exit && !isMainThread) process.exit(3);
    if (act === words.exhaust && !isMainThread) setImmediate(exhaust);
    if (act === words.hang) return new Promise(() => {});
    return act > 0 ? sleep(act) : undefined;
  }

  /** Stands around the methods of a part that have a failpoint. */
  function around<Part extends object>(name: string, part: Part): Part {
    return new Proxy(part, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        const method = `${name}.${String(key)}`;
        const isWatched = ['before', 'within', 'after'].some((when) => places.has(`${when} ${method}`));
        return typeof value === 'function' && isWatched ? watched(method, value.bind(target) as Method) : value;
      },
    });
  }

  /** A fork is no part that can have a stand-in: it hides its own fields from it. */
  function watchTransactions(fork: Fork): Fork {
    fork.transactional = watched('relayOrm.transactional', fork.transactional.bind(fork));
    return fork;
  }

  function watched(method: string, call: Method): Method {
    return (...args) => {
      const [first, ...rest] = args;
      const given = typeof first === 'function' ? [thenWithin(first as Method), ...rest] : args;
      const hold = arrive(`before ${method}`);
      const result = hold ? hold.then(() => call(...given)) : call(...given);
      if (!(result instanceof Promise)) {
        void arrive(`after ${method}`);
        return result;
      }
      return result.then(async (value: unknown) => {
        if (!isNothing(value)) await arrive(`after ${method}`);
        return value;
      });
    };

    function thenWithin(work: Method): Method {
      return async (...args) => {
        const value = await work(...args);
        await arrive(`within ${method}`);
        return value;
      };
    }
  }

  return {
    /** Arms this one alone; at 0, none. */
    arm({ point, at, act }: Arming): void {
      const place = places.get(point)!;
      for (const one of places.values()) Atomics.store(armed, one, 0);
      Atomics.store(armed, place + 1, typeof act === 'number' ? act : words[act]);
      Atomics.store(armed, place, at);
    },
    around,
    arrange: ((name, part) => {
      if (name === 'relayOrm') return withForks(part as Forking, watchTransactions) as typeof part;
      return typeof part === 'object' && part !== null ? around(name, part) : part;
    }) satisfies Arrange,
  };
}

type Method = (...args: unknown[]) => unknown;

function exhaust(): never {
  const some = Array.from({ length: 100_000 }, Math.random);
  for (const hog: number[][] = []; ;) hog.push([...some]);
}

/** A read that found nothing is no arrival. */
function isNothing(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

type Fork = { transactional: Method };
type Forking = { em: { fork(...args: unknown[]): Fork } };

/** Nor can the ORM: its `fork` is replaced in place. */
function withForks<Orm extends Forking>(orm: Orm, change: (fork: Fork) => Fork): Orm {
  const { em } = orm;
  const fork = em.fork.bind(em);
  em.fork = (...args) => change(fork(...args));
  return orm;
}
