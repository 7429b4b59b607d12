import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Actor } from '../../src/dispatch/actor.ts';
import { createCursorWriter } from '../../src/cursors/cursor-writer.ts';
import { writeCursors } from '../../src/cursors/write-cursors.ts';
import type { CursorQuestion } from '../../src/cursors/cursor-loader.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import type { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import { shardOf } from '../../src/policy/shards.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { emptyCursor, startActor } from '../dispatch/made-up-actors.ts';
import {
  type Attempted,
  type StoredEvent,
  clearTables,
  serverOf,
  storeAttempts,
  storeGap,
  storeLog,
} from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'cursors-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
/** Clears the tables, and gives all leases to me. */
async function clear(): Promise<void> {
  await clearTables(orm);
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [me, epoch]);
}
beforeEach(clear);

const me = randomUUID();
const epoch = 6;

let loads = 0;

const asMine = (endpoint: Endpoint): CursorQuestion => ({
  endpoint,
  lease: { index: shardOf(endpoint.id), epoch },
  number: (loads += 1),
});

async function load(head: number, endpoint: Endpoint = makeEndpoint()): Promise<CursorState> {
  return (await loadCursors(orm, me, [asMine(endpoint)], head)).get('crm')!;
}

/** Writes an actor's cursor, if it is one that may be written. */
async function write(actor: Actor, dispatched: number): Promise<void> {
  const server = await serverOf(orm);
  const written = Promise.withResolvers<void>();
  const writer = createCursorWriter({
    ports: {
      schedule: () => () => {},
      writeCursors: (rows, done) => void writeCursors(orm, rows, server).then(done, written.reject),
    },
    owner: me,
    actors: () => [actor],
    serves: () => true,
    dispatched: () => dispatched,
    mayWrite: () => true,
    onRefused: (id) => written.reject(new Error(`the cursor of ${id} was refused`)),
  });
  writer.writeNow([actor], written.resolve);
  await written.promise;
}

const cursorAt = (position: number, given: Partial<WebhookCursor> = {}) =>
  storeCursor(orm, { endpointId: 'crm', position, examined: position, ...given });

test('each endpoint has its cursor, and a disabled one or one that never had any has none', async () => {
  await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  await cursorAt(2, { generation: 7, previous: 1, resumes: 3, pauseReason: 'gone' });
  await storeCursor(orm, { endpointId: 'disabled', position: null, pauseReason: 'admin' });
  const endpoints = ['crm', 'disabled', 'unknown'].map((id) => makeEndpoint({ id }));
  const cursors = await loadCursors(orm, me, endpoints.map(asMine), 3);
  expect([...cursors.keys()]).toEqual(['crm']);
  expect(cursors.get('crm')).toEqual({
    generation: 7,
    resumes: 3,
    pauseReason: 'gone',
    health: emptyCursor.health,
    position: 2,
    previous: 1,
    settled: new Set(),
    retries: [],
    hasReplays: false,
    backlog: 1,
    countedTo: 3,
    backlogIsLowerBound: false,
  });
});

test('an event with a final row above the cursor, of the line and of this generation, is settled', async () => {
  const events = await storeLog(orm, Array<string>(9).fill('a.a'));
  await cursorAt(2, { generation: 5 });
  const attempts: Omit<Attempted, 'event'>[] = [
    { generation: 5 },
    { generation: 5 },
    { generation: 5, status: 'delivered' },
    { generation: 5, status: 'failed' },
    { generation: 5, status: 'retrying', waitMs: 0 },
    { generation: 4, status: 'delivered' },
    { generation: 5, origin: 'replay' },
    { generation: 5, origin: 'test' },
    { generation: 5, endpointId: 'other' },
  ];
  await storeAttempts(
    orm,
    attempts.map((given, index) => ({ event: events[index]!, ...given })),
  );
  const cursor = await load(9);
  expect(cursor.settled).toEqual(new Set([3, 4]));
  expect(cursor.retries).toEqual([{ position: 5, attempts: 1, waitMs: 0 }]);
});

test.each([
  ['just now', 0, 60_000, 50_000, 60_000],
  ['a while ago', 20_000, 60_000, 30_000, 40_000],
  ['long ago', 90_000, 60_000, 0, 0],
  // The clock was set back: never more than what was stored.
  ['in the future', -3_600_000, 60_000, 60_000, 60_000],
])('of a wait that was stored %s only what is left is waited', async (_, agoMs, waitMs, least, most) => {
  const [event] = await storeLog(orm, ['a.a']);
  await cursorAt(0);
  await storeAttempts(orm, [
    { event: event!, status: 'retrying', attemptCount: 1, waitMs: 5 },
    { event: event!, status: 'retrying', attemptCount: 2, waitMs, agoMs },
  ]);
  const { retries } = await load(1);
  expect(retries).toMatchObject([{ position: 1, attempts: 2 }]);
  expect(retries[0]!.waitMs).toBeGreaterThanOrEqual(least);
  expect(retries[0]!.waitMs).toBeLessThanOrEqual(most);
});

test('the attempt with the highest number is the last one, though the clocks that made the ids differ', async () => {
  const [event] = await storeLog(orm, ['a.a']);
  await cursorAt(0);
  await storeAttempts(orm, [
    { event: event!, status: 'retrying', attemptCount: 4, waitMs: 60_000 },
    { event: event!, status: 'retrying', attemptCount: 3, waitMs: 5 },
  ]);
  expect((await load(1)).retries).toMatchObject([{ position: 1, attempts: 4 }]);
});

test('after a resume attempts are counted anew, and an earlier wait is over', async () => {
  const [event] = await storeLog(orm, ['a.a']);
  await cursorAt(0, { resumes: 1 });
  await storeAttempts(orm, [{ event: event!, status: 'retrying', attemptCount: 4, waitMs: 60_000, resumes: 0 }]);
  expect((await load(1)).retries).toEqual([]);
  await clear();
  const [again] = await storeLog(orm, ['a.a']);
  await cursorAt(0, { resumes: 1 });
  await storeAttempts(orm, [
    { event: again!, status: 'retrying', attemptCount: 4, waitMs: 60_000, resumes: 0 },
    { event: again!, status: 'retrying', attemptCount: 1, waitMs: 0, resumes: 1 },
  ]);
  expect((await load(1)).retries).toEqual([{ position: 1, attempts: 1, waitMs: 0 }]);
});

test.each([
  [9, 9],
  [10, 2_000],
  [50, 2_000],
  [2_001, 2_001],
])('a cursor at %d counts as one at %d: no event is in the gap between', async (stored, position) => {
  await storeLog(orm, Array<string>(10).fill('a.a'));
  await storeGap(orm, 11, 2_000);
  await storeLog(orm, ['a.a', 'a.a'], 2_000);
  await cursorAt(stored, { previous: 9 });
  expect(await load(2_002)).toMatchObject({ position, previous: 9, backlog: stored === 9 ? 3 : 2_002 - position });
});

test('rows of a lost end of the log settle nothing, even where their positions were given again', async () => {
  const [first] = await storeLog(orm, ['a.a']);
  await cursorAt(1);
  await storeAttempts(orm, [
    { event: first! },
    { event: { ...first!, id: newId(), position: 2 } },
    { event: { ...first!, id: newId(), position: 500 }, status: 'retrying', waitMs: 60_000 },
  ]);
  await storeLog(orm, ['a.a', 'a.a'], 1);
  await storeGap(orm, 4, 2_000);
  await storeLog(orm, ['a.a'], 2_000);
  expect(await load(2_001)).toMatchObject({ position: 1, settled: new Set(), retries: [], backlog: 3 });
});

test('a loaded cursor says whether there are tests or replays to read', async () => {
  const [event] = await storeLog(orm, ['webhook.test']);
  await cursorAt(1);
  await storeCursor(orm, { endpointId: 'other', position: 1 });
  await orm.em.fork().insert(Replay, { id: newId(), endpointId: 'other', eventId: event!.id, origin: 'test' });
  const cursors = await loadCursors(orm, me, [makeEndpoint(), makeEndpoint({ id: 'other' })].map(asMine), 1);
  expect([...cursors].map(([id, { hasReplays, backlog }]) => [id, hasReplays, backlog])).toEqual([
    ['crm', false, 0],
    ['other', true, 0],
  ]);
});

const types = ['order.paid', 'order_paid', 'user.login', 'webhook.test', 'webhook.endpoint_paused'];
const filters = [['*'], ['order.*', 'webhook.*'], ['order_paid', 'user.*'], ['user.login']];

const history = fc.record({
  log: fc.array(fc.constantFrom(...types), { maxLength: 30 }),
  position: fc.nat({ max: 30 }),
  examined: fc.nat({ max: 30 }),
  storedFilter: fc.constantFrom(...filters),
  filter: fc.constantFrom(...filters),
  /** How many of the events after the cursor were settled before the crash, by the stored filter. */
  settled: fc.nat({ max: 8 }),
});

/** What waits at `head`, counted one by one. */
function waiting(
  log: readonly StoredEvent[],
  filter: readonly string[],
  after: number,
  head: number,
  settled: number[],
) {
  const matches = compilePatterns(filter);
  const isFor = ({ type, addressedTo, notFor }: StoredEvent) =>
    addressedTo === null && notFor !== 'crm' && matches(type);
  return log
    .slice(0, head)
    .filter((event) => event.position > after && isFor(event) && !settled.includes(event.position)).length;
}

test('the backlog after a crash is what waits, counted one by one, even under a changed filter', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      await clear();
      const log = await storeLog(orm, given.log);
      const head = log.length;
      const position = Math.min(given.position, head);
      const examined = Math.max(position, Math.min(given.examined, head));
      const inLine = log.filter((event) => waiting([event], given.storedFilter, position, head, []) === 1);
      const settled = inLine.slice(0, given.settled);
      await cursorAt(position, {
        examined,
        filter: given.storedFilter.join('\n'),
        backlog: waiting(log, given.storedFilter, position, examined, []),
      });
      await storeAttempts(
        orm,
        settled.map((event, index) => ({ event, status: index % 2 === 0 ? 'delivered' : 'failed' })),
      );
      const cursor = await load(head, makeEndpoint({ events: given.filter }));
      const done = settled.map((event) => event.position);
      expect(cursor.settled).toEqual(new Set(done));
      expect(cursor.backlog).toBe(waiting(log, given.filter, position, head, done));
    }),
    { numRuns: 60 },
  );
});

test('a cursor that is read, written back and read again has the same backlog, paused or not', async () => {
  const events = await storeLog(orm, Array<string>(10).fill('a.a'));
  for (const pauseReason of ['admin', null] as const) {
    await orm.em.fork().execute('truncate webhook_cursors, webhook_deliveries');
    await cursorAt(2, { backlog: 8, examined: 10, pauseReason });
    await storeAttempts(
      orm,
      events.slice(2, 5).map((event) => ({ event })),
    );
    for (const start of ['the first', 'the second', 'the third']) {
      const cursor = await load(10);
      expect({ start, backlog: cursor.backlog }).toEqual({ start, backlog: 5 });
      const actor = startActor(makeEndpoint(), cursor, { index: shardOf('crm'), epoch });
      await write(actor, 10);
    }
  }
});

test('a backlog whose owner had read farther than this instance counts what waits there once', async () => {
  const events = await storeLog(orm, Array<string>(6).fill('a.a'));
  await cursorAt(1, { examined: 6, backlog: 5, filter: makeEndpoint().events.join('\n') });
  await storeAttempts(orm, [{ event: events[1]! }, { event: events[4]! }]);
  expect(await load(3)).toMatchObject({ backlog: 3, countedTo: 6, backlogIsLowerBound: false });
});
