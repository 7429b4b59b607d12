import { randomUUID, randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLeaseRows, freeLeases } from '../../src/cluster/heartbeat-sql.ts';
import { writeCursors } from '../../src/cursors/write-cursors.ts';
import { runInstance } from '../../src/cluster/run-instance.ts';
import type { ConfigurationInForce } from '../../src/operations/configurations.ts';
import type { BatchEntry } from '../../src/log/batch.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import type { RelayMode } from '../../src/outbox/relay-steps.ts';
import type { WakeKind } from '../../src/log/wakes.ts';
import { noStream } from '../../src/log/no-stream.ts';
import { createLogTable } from '../../src/log/table.ts';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { Turn, TurnReport } from '../../src/worker/turn.ts';
import { storeCursor, storeEvent } from '../api/stored-rows.ts';
import { entryAt } from '../log/made-up-entries.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { clearTables } from '../cursors/stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'reload-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
let head = 0;

beforeEach(async () => {
  head = 0;
  await clearTables(orm);
  await freeLeases(orm);
});

type Outcome = { report: TurnReport; latenciesMs?: readonly number[] } | { lost: { current: number | null } };

/** RunningInstance on a real database, whose turns end when and as the test says, with these endpoints in force. */
function start(...endpoints: Endpoint[]) {
  const id = randomUUID();
  const leases = createLeaseRows(orm, { id, name: 'reload-test', version: '1.2.3', whyAside: () => 'it was told to' });
  /** What it listens to. `seen`: what it did to the parts beside it. */
  const listeners = {
    numbered: (_last: LogEntry) => {},
    contradiction: (_found: BatchEntry) => {},
    inForce: (_configuration: ConfigurationInForce) => {},
    wakes: new Map<WakeKind, () => void>(),
    lost: () => {},
  };
  const seen = { relay: [] as RelayMode['is'][], heartbeats: 0, woken: [] as string[] };
  const counted = {
    turns: [] as object[],
    leases: [] as string[],
    read: [] as string[],
    lost: [] as (string | null)[],
  };
  const out: { turn: Turn; end(outcome: Outcome): void }[] = [];
  const { instance, ...deliveries } = runInstance({
    id,
    // No heartbeat comes by itself while a test waits for one.
    leaseTtlMs: 300_000,
    orm,
    leases: {
      ...leases,
      heartbeat(question) {
        seen.heartbeats += 1;
        return leases.heartbeat(question);
      },
      onLost: (listener) => void (listeners.lost = listener),
    },
    writeCursors,
    identity: { prefix: 'tidings:test', stream: { epoch: 'first', number: 1, secret: 'one' } },
    table: createLogTable(orm),
    stream: { ...noStream, onContradiction: (listener) => void (listeners.contradiction = listener) },
    relay: {
      setMode: ({ is }) => void seen.relay.push(is),
      onNumbered: (listener) => void (listeners.numbered = listener),
    },
    configurations: {
      reach: () => Promise.resolve(),
      check: () => Promise.resolve(),
      onChange: (listener) => void (listeners.inForce = listener),
    },
    wakes: {
      wakeOthers: (kind) => void seen.woken.push(kind),
      onWake: (kind, listener) => void listeners.wakes.set(kind, listener),
    },
    pool: {
      runTurn: (turn) =>
        new Promise((resolve) => {
          const entry = {
            turn,
            end(outcome: Outcome) {
              out.splice(out.indexOf(entry), 1);
              resolve('report' in outcome ? { latenciesMs: [], ...outcome } : outcome);
            },
          };
          out.push(entry);
        }),
      interrupt() {},
      trust() {},
    },
    recorder: { record: () => Promise.resolve() },
    attempts: { recorded: ({ errorMessage }) => void counted.lost.push(errorMessage) },
    slots: { fast: 4, slow: 4 },
    counts: {
      turn: (ended) => void counted.turns.push(ended),
      leases: (change, count) => void counted.leases.push(`${change} ${count}`),
      heartbeat() {},
      read: (from, events) => void counted.read.push(`${from} ${events}`),
    },
    logger: pino({ level: 'silent' }),
  });
  const put = (version: number, ...some: Endpoint[]) =>
    instance.configure({ version, endpoints: some, standsAside: null });
  put(1, ...endpoints);
  return {
    ...deliveries,
    instance,
    listeners,
    seen,
    counted,
    put,
    out,
    dispatcher: instance.dispatcher,
    backlog: () => instance.dispatcher.actor('crm')?.backlog.count,
    /** Stores the next event and lets the instance read it. */
    async publish(type: string, addressedTo: string | null = null): Promise<void> {
      const position = (head += 1);
      const { id: eventId } = await storeEvent(orm, { position, type, addressedTo });
      if (addressedTo !== null) {
        const item = { id: randomUUIDv7(), endpointId: addressedTo, eventId, origin: 'test' as const };
        await orm.em.fork().insert(Replay, item);
      }
      await orm.em.fork().execute('update webhook_log_head set position = ?', [position]);
      await eventually(() => {
        instance.wake();
        return instance.dispatcher.position === position;
      });
    },
  };
}

/** Keeps every cursor from being read until it is released. */
async function holdCursors(): Promise<() => Promise<void>> {
  const em = orm.em.fork();
  await em.begin();
  await em.execute('lock table webhook_deliveries in access exclusive mode');
  return () => em.commit();
}

const untilReadWaits = () => eventually(async () => (await waiters()) > 0);

async function waiters(): Promise<number> {
  const [{ count }] = await orm.em
    .fork()
    .execute<[{ count: number }]>(
      `select count(*)::int as count from pg_locks l where not l.granted and l.relation = 'webhook_deliveries'::regclass`,
    );
  return count;
}

test('no event that comes while a lost turn’s cursor is loaded is lost: a test is sent, the backlog counts it', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await using deliveries = start(makeEndpoint());
  await deliveries.publish('order.paid');
  await eventually(() => deliveries.out.length === 1);
  const release = await holdCursors();
  deliveries.out[0]!.end({ lost: { current: null } });
  await untilReadWaits();
  await deliveries.publish('webhook.test', 'crm');
  await deliveries.publish('order.paid');
  await release();
  await eventually(() => deliveries.out.length === 1);
  expect(deliveries.backlog()).toBe(2);
  const origins: string[] = [];
  for (let turns = 0; turns < 2; turns += 1) {
    await eventually(() => deliveries.out.length === 1);
    const { turn, end } = deliveries.out[0]!;
    origins.push(turn.origin);
    end({ report: { settled: turn.events.length, failure: null } });
  }
  expect(origins.toSorted()).toEqual(['line', 'test']);
  await eventually(() => deliveries.backlog() === 0);
});

test('what turns come to is counted as their rows have it: a lost one by what was on the wire', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await using deliveries = start(makeEndpoint());
  const { out, counted } = deliveries;
  const end = async (outcome: Outcome) => {
    await eventually(() => out.length === 1);
    out[0]!.end(outcome);
  };
  await deliveries.publish('order.paid');
  const failure = { status: 'retrying', attempt: 1, waitMs: 0, pause: null } as const;
  await end({ report: { settled: 0, failure }, latenciesMs: [3] });
  await end({ lost: { current: 0 } });
  await end({ lost: { current: null } });
  await end({ report: { settled: 1, failure: { ...failure, status: 'failed' } }, latenciesMs: [5] });
  const of = { endpointId: 'crm', origin: 'line', isLost: false, delivered: 0 };
  await eventually(() => counted.turns.length === 4);
  expect(counted.turns).toEqual([
    { ...of, failed: 'retrying', latenciesMs: [3] },
    { ...of, isLost: true, failed: 'retrying', latenciesMs: [0] },
    { ...of, isLost: true, failed: null, latenciesMs: [] },
    { ...of, failed: 'failed', latenciesMs: [5] },
  ]);
  expect(counted.lost).toEqual([expect.stringMatching(/^worker lost: /)]);
  expect(counted.leases).toEqual(['taken 65']);
  expect(counted.read).toContain('table 1');
});

test('a changed filter makes the backlog be counted anew, and the new number is stored', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0, pauseReason: 'admin' });
  await using deliveries = start(makeEndpoint());
  await eventually(() => deliveries.dispatcher.actor('crm')?.reading === 'live');
  for (const type of ['a.a', 'b.b', 'a.a', 'b.b', 'b.b']) await deliveries.publish(type);
  expect(deliveries.backlog()).toBe(5);
  deliveries.put(2, makeEndpoint({ events: ['b.*'] }));
  await eventually(() => deliveries.backlog() === 3);
  await eventually(async () => {
    const [row] = await orm.em.fork().execute('select backlog, filter from webhook_cursors');
    return row?.backlog === 3 && row.filter === 'b.*';
  });
});

test('an instance listens to the parts made before it, and wakes the others when it has given its leases back', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await using deliveries = start();
  const { listeners, seen, dispatcher } = deliveries;
  listeners.inForce({ version: 1, endpoints: [makeEndpoint()], standsAside: null });
  await eventually(() => dispatcher.actor('crm')?.reading === 'live' && seen.relay.at(-1) === 'leads');
  const { id } = await storeEvent(orm, { position: 1 });
  await orm.em.fork().execute('update webhook_log_head set position = 1');
  listeners.numbered(entryAt(1, { id }));
  await eventually(() => dispatcher.position === 1);
  for (const doubt of [listeners.lost, () => listeners.contradiction(entryAt(1, { id }))]) {
    doubt();
    expect(seen.relay.at(-1)).toBe('rests');
    await eventually(() => seen.relay.at(-1) === 'leads');
  }
  const before = seen.heartbeats;
  listeners.wakes.get('change')!();
  await eventually(() => seen.heartbeats > before);
  await deliveries.drain(0);
  await eventually(() => seen.woken.includes('change'));
});
