// One simulated run of the service: the real instance, relay and turns, on made-up ports.

import { createInstance } from '../../src/cluster/instance.ts';
import { createRelaySteps } from '../../src/outbox/relay-steps.ts';
import { checkWritten } from './backlogs.ts';
import { checkWindows } from './windows.ts';
import { beginEpoch, beginStream } from './histories.ts';
import { releaseLease, takeLeases } from './leases.ts';
import { carryOutOrders } from './orders.ts';
import type { OrderWatch } from './order-watch.ts';
import type { Postgres } from './postgres.ts';
import { createProcess } from './process.ts';
import type { Receivers } from './receivers.ts';
import { writeHealth } from './operational.ts';
import * as queue from './queue.ts';
import * as tables from './tables.ts';
import { createServiceStream } from './service-stream.ts';
import { createThreads } from './threads.ts';
import type { Time } from './time.ts';
import type { Valkey } from './valkey.ts';
import type { Watch } from './watch.ts';

const configureAgainMs = 500;

export type ServiceParts = {
  time: Time;
  chance(): number;
  postgres: Postgres;
  valkey: Valkey;
  receivers: Receivers;
  watch: Watch;
  orders: OrderWatch;
  leaseTtlMs: number;
  /** What the endpoints' windows may hold. */
  windowBytes: number;
  nextRow(): number;
  /** A name that no history of the log had before. */
  nextEpoch(): string;
};

export type Service = ReturnType<typeof startService>;

/** Starts a run of the process `number`; `id` is another one for each run. */
export function startService(parts: ServiceParts, { id, number }: { id: string; number: number }) {
  const { time, chance, postgres, valkey, watch, orders, leaseTtlMs } = parts;
  const process = createProcess({ time, id, number });
  orders.runs(process);
  const threads = createThreads({ ...parts, process });
  const stream = createServiceStream({
    ...{ process, valkey, number, isStopped: () => isStopped },
    onContradiction: (found) => instance.contradicted(found),
    onForeign: () => instance.streamIsForeign(),
  });
  let inForce: tables.StoredConfiguration | null = null;
  const loads: ((isRead: boolean) => void)[] = [];
  let isStopped = false;
  let isStarted = false;

  const relay = createRelaySteps({
    now: process.now,
    schedule: process.after,
    number(above, server, done) {
      ask(
        (stored) => (String(postgres.server) === server ? queue.look(stored, above, postgres.publishers) : null),
        (seen) => {
          if (seen === null) done(null);
          else if (seen.isEmpty) done({ ...seen, entries: [], seq: 0, cut: false });
          else move(above, server, (moved) => done(moved && { ...seen, ...moved }));
        },
      );
    },
    append: (entries) => stream.append(entries),
  });

  const instance = createInstance({
    id,
    leaseTtlMs,
    slots: { fast: 2, slow: 2 },
    windowBytes: parts.windowBytes,
    ports: {
      now: process.now,
      wall: process.wall,
      schedule: process.after,
      heartbeat(question, done) {
        let received = () => {};
        ask(
          (stored) => {
            received = watch.heartbeat(process);
            return { ...tables.heartbeat(stored, id, question), server: String(postgres.server) };
          },
          (answer) => {
            if (answer) received();
            done(answer);
          },
        );
      },
      take(rows, done) {
        ask((stored) => {
          const former = new Map(stored.leases.map(({ lease, owner }) => [lease, owner]));
          const taken = takeLeases(stored, id, rows);
          watch.taken(taken, former);
          return taken;
        }, done);
      },
      release(lease, done) {
        ask((stored) => {
          if (releaseLease(stored, id, lease)) watch.released(process, lease);
        }, done);
      },
      lost() {},
      trust: threads.trust,
      relay,
      streamReady: () => stream.ready,
      readStream: stream.readStream,
      readLast: stream.readLast,
      readHead(done) {
        ask(({ head, epoch }) => ({ head, epoch, server: String(postgres.server) }), done);
      },
      beginEpoch(change, done) {
        watch.epochBegins(process, change.past);
        ask((stored) => beginEpoch(stored, change, parts.nextEpoch()), done);
      },
      beginStream: (from, done) => ask((stored) => beginStream(stored, from, parts.nextEpoch()), done),
      useStream: stream.use,
      configurations: { reach, check },
      loadCursors(questions, head, done) {
        ask((stored) => {
          const clock = postgres.clock();
          const taken = tables.takeCursors(stored, id, questions);
          const carriedOut = carryOutOrders(stored, taken, { clock, nextRow: parts.nextRow });
          watch.recorded(carriedOut.flatMap(({ row }) => row ?? []));
          orders.carriedOut(process, taken, carriedOut);
          const cursors = tables.loadCursors(stored, taken, { head, clock });
          watch.cursorsLoaded(process, cursors);
          orders.loaded(cursors, carriedOut);
          return cursors;
        }, done);
      },
      readStoredStates(ids, done) {
        let received = () => {};
        ask(
          (stored) => {
            received = watch.statesRead(process, ids);
            return tables.readStoredStates(stored, ids);
          },
          (states) => {
            if (states) received();
            done(states);
          },
        );
      },
      readPage: (after, done) =>
        ask(
          (stored) => tables.readPage(stored, after),
          (page) => {
            done(page ?? []);
            checkWindows(process, instance.dispatcher, parts.windowBytes);
          },
        ),
      readReplays: (endpoint, question, done) =>
        ask((stored) => tables.readReplays(stored, endpoint, question, postgres.clock()), done),
      writeCursors(rows, server, done) {
        ask((stored) => {
          if (String(postgres.server) !== server) return new Set(rows.map((row) => row.endpoint_id));
          const own = watch.cursorsWritten(process, rows);
          for (const row of rows) if (own.has(row.endpoint_id)) checkWritten(stored, id, row);
          const refused = tables.writeCursors(stored, rows, postgres.clock());
          watch.cursorsStored(process, rows, refused, own);
          return refused;
        }, done);
      },
      writeHealth(rows, server, done) {
        ask((stored) => {
          const others = { refused: new Set(rows.map(({ endpointId }) => endpointId)), paused: new Set<string>() };
          return String(postgres.server) === server ? writeHealth(stored, rows, postgres.clock()) : others;
        }, done);
      },
      runTurn(turn, done) {
        checkWindows(process, instance.dispatcher, parts.windowBytes);
        threads.runTurn(turn, done);
      },
      interrupt: threads.interrupt,
    },
  });

  relay.onNumbered(instance.numbered);

  function ask<Value>(run: (stored: tables.Tables) => Value | null, done: (value: Value | null) => void): void {
    postgres.ask(process, run, done);
  }

  function move(above: number, server: string, done: (moved: ReturnType<typeof queue.number> | null) => void): void {
    ask((stored) => {
      if (String(postgres.server) !== server) return null;
      const moved = queue.number(stored, above);
      watch.numbered(process, moved.entries);
      return moved;
    }, done);
  }

  /** Loads the configuration in force unless it is this version. */
  function reach(version: number): void {
    if (inForce?.version === version) return;
    load((isRead) => {
      if (!isRead) process.after(configureAgainMs, () => reach(version));
    });
  }

  function check(done: () => void): void {
    load((isRead) => {
      if (isRead) done();
      else process.after(configureAgainMs, () => check(done));
    });
  }

  /** One at a time: what was read first must not come into force last. */
  function load(done: (isRead: boolean) => void): void {
    loads.push(done);
    if (loads.length === 1) loadNext();
  }

  function loadNext(): void {
    ask(
      (stored) => stored.configurations.at(-1)!,
      (found) => {
        if (isStopped) return;
        if (found && found !== inForce) configure(found);
        loads[0]!(found !== null);
        loads.shift();
        if (loads.length > 0) loadNext();
      },
    );
  }

  function configure(found: tables.StoredConfiguration): void {
    inForce = found;
    const { version, endpoints, standsAside } = found;
    watch.configured(process, version);
    instance.configure({
      version,
      endpoints,
      standsAside: standsAside.includes(number) ? 'a secret is missing' : null,
    });
  }

  function stop(): void {
    isStopped = true;
    instance.stop();
    relay.stop(() => {});
  }

  process.hear(chance() * 20, () => {
    stream.open();
    begin();
  });

  /** The log is identified first, or the stream that was written last would not be looked at. */
  function begin(): void {
    ask(
      (stored) => ({ epoch: stored.epoch, ...stored.stream }),
      (found) => {
        if (isStopped) return;
        if (found === null) {
          process.after(configureAgainMs, begin);
          return;
        }
        stream.use(found);
        reach(1);
        isStarted = true;
        instance.start();
      },
    );
  }

  return {
    process,
    instance,
    relay,
    threads,
    ask,
    reach,
    /** What was changed of these endpoints up to now is known here. */
    hearsOf: (ids: readonly string[]) => watch.statesRead(process, ids)(),
    /** The database server has closed its connections. */
    loseConnections(): void {
      if (isStarted) process.hear(1 + chance() * 3, () => instance.doubtServer());
    },
    /** Ends in order: gives back what it holds, and is no more. */
    leave(then: () => void): void {
      instance.drain(() => {
        stop();
        process.crash();
        then();
      });
    },
  };
}
