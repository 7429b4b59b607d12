// One instance on a made-up database, whose answers come after a millisecond; turns end when the test says so.

import type { CursorRow } from '../../src/cursors/cursor-writer.ts';
import { createInstance } from '../../src/cluster/instance.ts';
import type { HeartbeatQuestion } from '../../src/cluster/instance-ports.ts';
import type { StoredReplay } from '../../src/dispatch/replay-window.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import type { Batch } from '../../src/log/batch.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import type { Gap } from '../../src/log/gaps.ts';
import type { Known } from '../../src/cluster/log-check.ts';
import type { ConfigurationInForce } from '../../src/operations/configurations.ts';
import type { RelayMode } from '../../src/outbox/relay-steps.ts';
import { type Lease, shardCount } from '../../src/policy/shards.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { LostTurn, Turn, TurnReport } from '../../src/worker/turn.ts';
import { entryAt } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';
import { createLeaseTable } from './lease-table.ts';
import { emptyCursor } from '../dispatch/made-up-actors.ts';

export const ttlMs = 3_000;

type Hold = { name: string; answer(): void };

export function driveInstance(...endpoints: Endpoint[]) {
  const time = createSimulatedTime();
  const table = createLeaseTable();
  const database = {
    table,
    log: [] as LogEntry[],
    head: 0,
    epoch: 'first',
    stream: { number: 1, secret: 'one' },
    gaps: [] as readonly Gap[],
    configuration: 1,
    controls: Array<number>(shardCount).fill(0),
    server: 'one',
    /** It answers nothing: every question fails. */
    isAway: false,
    cursors: new Map<string, CursorState>(),
    /** Replays, of any endpoint. */
    replays: [] as StoredReplay[],
  };
  const stream = {
    ready: false,
    last: null as Known | null,
    /** The last entry does not verify. */
    lastIsForeign: false,
    asked: [] as number[],
    appended: [] as number[],
    /** Ends the read that is under way, by default with nothing. */
    answer: (_batches?: readonly Batch[]) => {},
  };
  const out: { turn: Turn; end(report: TurnReport | LostTurn): void }[] = [];
  const interrupted: number[] = [];
  const trusted = new Map<number, { epoch: number; until: number }>();
  const seen = {
    relay: 'rests' as RelayMode['is'],
    /** The relay appends to the stream. */
    appends: false,
    epochs: [] as string[],
    streams: [] as number[],
    streamsBegun: [] as number[],
    headsRead: 0,
    begun: [] as { from: string; past: number }[],
    configurations: [] as number[],
    /** What was changed in the database, in order. */
    changes: [] as string[],
    written: [] as CursorRow[],
    cursorsLoaded: 0,
    lost: [] as number[],
  };
  /** Questions of these names wait for the test. */
  const holding = new Set<string>();
  const held: Hold[] = [];

  /** The answer is what is true when the question arrives. */
  function answer<T>(name: string, ask: () => T, done: (value: T | null) => void): void {
    const arrive = () => {
      const value = database.isAway ? null : ask();
      time.at(0, () => done(value));
    };
    if (holding.has(name)) held.push({ name, answer: arrive });
    else time.at(1, arrive);
  }

  function heartbeat({ renew, aside, known }: HeartbeatQuestion) {
    const { renewed, rows, others } = table.heartbeat('me', { renew, aside });
    const idAt = (position: number) => database.log.find((entry) => entry.position === position)?.id ?? null;
    return {
      renewed,
      leases: rows,
      instances: others,
      head: database.head,
      headId: idAt(database.head),
      epoch: database.epoch,
      stream: database.stream,
      gaps: database.gaps,
      idAtKnown: known && idAt(known.position),
      configuration: database.configuration,
      controls: [...database.controls],
      server: database.server,
    };
  }

  const instance = createInstance({
    id: 'me',
    leaseTtlMs: ttlMs,
    windowBytes: 2 ** 26,
    slots: { fast: 9, slow: 9 },
    ports: {
      now: time.now,
      wall: time.now,
      schedule: (delayMs, callback) => time.at(delayMs, callback),
      heartbeat: (question, done) => answer('heartbeat', () => heartbeat(question), done),
      take: (rows, done) => answer('take', () => table.take('me', rows), done),
      release(lease, done) {
        const release = () => {
          seen.changes.push(`release ${lease.index}`);
          table.release('me', lease);
        };
        answer('release', release, () => done());
      },
      lost: (leases) => void seen.lost.push(...leases),
      trust: ({ index, epoch }, forMs) => void trusted.set(index, { epoch, until: time.now() + forMs }),
      relay: {
        setMode(mode) {
          seen.relay = mode.is;
          seen.appends = mode.is !== 'rests' && mode.appends;
        },
      },
      streamReady: () => stream.ready,
      readStream(after, done) {
        stream.asked.push(after);
        stream.answer = (batches = []) => done(batches);
      },
      readLast: (done) =>
        answer<{ last: Known | null } | null>(
          'last',
          () => (stream.lastIsForeign ? null : { last: stream.last }),
          done,
        ),
      readHead(done) {
        const { head, epoch, server } = database;
        seen.headsRead += 1;
        answer('head', () => ({ head, epoch, server }), done);
      },
      beginEpoch(change, done) {
        seen.begun.push(change);
        answer(
          'beginEpoch',
          () => {},
          () => done(),
        );
      },
      beginStream({ number }, done) {
        seen.streamsBegun.push(number);
        answer(
          'beginStream',
          () => {},
          () => done(),
        );
      },
      useStream({ epoch, number }) {
        if (seen.epochs.at(-1) !== epoch) seen.epochs.push(epoch);
        seen.streams.push(number);
      },
      configurations: {
        reach: (version) => void seen.configurations.push(version),
        check: (done) =>
          answer(
            'check',
            () => {},
            () => done(),
          ),
      },
      loadCursors(questions, _head, done) {
        seen.cursorsLoaded += questions.length;
        const read = () =>
          new Map(questions.map(({ endpoint: { id } }) => [id, database.cursors.get(id) ?? emptyCursor]));
        answer('load', read, done);
      },
      readStoredStates: (ids, done) =>
        answer(
          'states',
          () =>
            ids.map((endpointId) => {
              const { generation, resumes, pauseReason, hasReplays } = database.cursors.get(endpointId) ?? emptyCursor;
              return { endpointId, generation, resumes, pauseReason, hasReplays, hasOrders: false };
            }),
          done,
        ),
      readPage: (after, done) =>
        answer(
          'page',
          () => database.log.filter(({ position }) => position > after).slice(0, 500),
          (page) => done(page ?? []),
        ),
      readReplays: (_id, _question, done) => answer('replay', () => database.replays, done),
      writeCursors(rows, _server, done) {
        const write = () => {
          seen.written.push(...rows);
          for (const { endpoint_id: id, position } of rows) seen.changes.push(`write ${id} at ${position}`);
          return new Set<string>();
        };
        answer('cursors', write, done);
      },
      writeHealth: (_rows, _server, done) =>
        answer('health', () => ({ refused: new Set<string>(), paused: new Set<string>() }), done),
      runTurn(turn, done) {
        const entry = {
          turn,
          end(report: TurnReport | LostTurn) {
            out.splice(out.indexOf(entry), 1);
            done(report);
          },
        };
        out.push(entry);
      },
      interrupt: (slot) => void interrupted.push(slot),
    },
  });

  const put = (version: number, given: Partial<ConfigurationInForce> = {}) =>
    instance.configure({ version, endpoints, standsAside: null, ...given });
  put(1);
  instance.start();

  return {
    instance,
    database,
    stream,
    out,
    interrupted,
    seen,
    put,
    holding,
    held,
    pass: time.pass,
    now: time.now,
    actor: (id: string) => instance.dispatcher.actor(id),
    /** What the threads are told of a lease. */
    trusts({ index, epoch }: Lease): boolean {
      const found = trusted.get(index);
      return found?.epoch === epoch && found.until > time.now();
    },
    /** Adds an event to the log, of which the instance hears at once. */
    publish(type: string, given: Partial<LogEntry> = {}): number {
      const position = database.head + 1;
      database.head = position;
      const entry = entryAt(position, { type, ...given });
      database.log.push(entry);
      if (seen.appends && stream.ready) stream.appended.push(position);
      instance.numbered(entry);
      return position;
    },
    deliver(id: string): void {
      const found = out.find(({ turn }) => turn.endpoint.id === id);
      if (!found) throw new Error(`${id} has no turn out`);
      found.end({ settled: found.turn.events.length, failure: null });
    },
    /** Lets a question that waits arrive. */
    answer(name: string): void {
      const index = held.findIndex((hold) => hold.name === name);
      if (index < 0) throw new Error(`nobody asks for ${name}`);
      held.splice(index, 1)[0]!.answer();
      time.pass(0);
    },
  };
}

/** An instance that serves `crm` and has delivered `events` events. */
export function startAfter(events: number) {
  const world = driveInstance(makeEndpoint());
  world.pass(100);
  for (let n = 0; n < events; n += 1) {
    world.publish('order.paid');
    world.pass(10);
    world.deliver('crm');
  }
  return world;
}

export type World = ReturnType<typeof driveInstance>;

/** The database is one of an earlier day: what is above `head` is gone. */
export function restore({ database }: World, head: number): void {
  database.log = database.log.filter(({ position }) => position <= head);
  database.head = head;
}

/** Another history is in force, which goes on after `head`. */
export function goOn({ database }: World, epoch: string, head: number): void {
  database.gaps = [{ first: database.head + 1, last: head }];
  database.epoch = epoch;
  database.head = head;
}
