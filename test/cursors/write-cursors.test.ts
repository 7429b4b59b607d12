import { randomUUID, randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { CursorRow } from '../../src/cursors/cursor-writer.ts';
import { assignCursors } from '../../src/cursors/assign-cursors.ts';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { readStoredStates } from '../../src/cursors/read-stored-states.ts';
import { writeCursors } from '../../src/cursors/write-cursors.ts';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { storeCursor, storeEvent } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { clearTables, serverOf, storeLog } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'cursors-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const cursors = () => orm.em.fork().find(WebhookCursor, {}, { orderBy: { endpointId: 'asc' } });
const cursorOf = (endpointId: string) => orm.em.fork().findOneOrFail(WebhookCursor, { endpointId });

const me = randomUUID();
const epoch = 6;

/** A cursor as its owner writes it. */
function rowOf(id: string, given: Partial<CursorRow> = {}): CursorRow {
  return {
    endpoint_id: id,
    generation: 1,
    owner: me,
    owner_epoch: epoch,
    position: 5,
    previous: 3,
    examined: 9,
    filter: 'a.*\nb.*',
    backlog: 2,
    failing_run: 'none',
    ...given,
  };
}

const write = async (rows: readonly CursorRow[], server?: string) =>
  await writeCursors(orm, rows, server ?? (await serverOf(orm)));

const storeMine = (endpointId: string, given: Partial<WebhookCursor> = {}) =>
  storeCursor(orm, { endpointId, position: 0, owner: me, ownerEpoch: epoch, ...given });

test('many cursors are written at once, and nothing but the cursor', async () => {
  await storeMine('one', { pauseReason: 'admin', resumes: 4, since: 2 });
  await storeMine('two');
  await storeMine('three', { position: 1 });
  const written = await write([rowOf('one'), rowOf('two', { position: 7, previous: 7 })]);
  expect(written).toEqual(new Set());
  expect(await cursorOf('one')).toMatchObject({
    generation: 1,
    position: 5,
    previous: 3,
    examined: 9,
    filter: 'a.*\nb.*',
    backlog: 2,
    // Not the writer's to change.
    pauseReason: 'admin',
    resumes: 4,
    since: 2,
    owner: me,
    ownerEpoch: 6,
  });
  expect(await cursorOf('two')).toMatchObject({ position: 7, previous: 7, examined: 9 });
  expect(await cursorOf('three')).toMatchObject({ position: 1 });
});

test.each([
  ['of another generation', { generation: 3 }],
  ['that another instance serves', { owner: randomUUID() }],
  ['that nobody has read', { owner: null, ownerEpoch: null }],
  ['that was read again under a newer lease', { ownerEpoch: 7 }],
])('a cursor %s is not written, and is reported as refused', async (_, stored) => {
  await storeMine('crm', { position: 2, ...stored });
  await storeMine('mine');
  const before = await cursorOf('crm');
  const refused = await write([rowOf('crm'), rowOf('mine'), rowOf('gone')]);
  expect(refused).toEqual(new Set(['crm', 'gone']));
  expect(await cursorOf('crm')).toEqual(before);
  expect(await cursorOf('mine')).toMatchObject({ position: 5 });
  expect(await cursors()).toHaveLength(2);
});

test.each(['write', 'reload'])(
  'a %s locks cursors in the order of their ids, so that nobody waits for whom it holds up',
  async (by) => {
    await storeMine('b');
    await storeMine('a');
    const held = orm.em.fork();
    await held.begin();
    onTestFinished(async () => {
      if (held.isInTransaction()) await held.rollback();
    });
    await held.execute(`select 1 from webhook_cursors where endpoint_id = 'a' for update`);
    const changing =
      by === 'write'
        ? write([rowOf('b'), rowOf('a')])
        : orm.em.fork().transactional((em) => assignCursors(em, [makeEndpoint({ id: 'a', enabled: false })]));
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await eventually(async () => (await orm.em.fork().execute<unknown[]>(waiting)).length > 0);
    const free = `select endpoint_id as id from webhook_cursors where endpoint_id = 'b' for update skip locked`;
    expect(await orm.em.fork().execute(free)).toEqual([{ id: 'b' }]);
    await held.rollback();
    await changing;
  },
);

test('no cursor is written on a database server that was not compared: it may have lost the events before the cursor', async () => {
  await storeMine('crm', { position: 2 });
  expect(await write([rowOf('crm')], '2026-01-02 03:04:05+00')).toEqual(new Set(['crm']));
  expect(await writeCursors(orm, [rowOf('crm')], null)).toEqual(new Set(['crm']));
  expect(await cursorOf('crm')).toMatchObject({ position: 2 });
});

const put = (...endpoints: Parameters<typeof assignCursors>[1]) =>
  orm.em.fork().transactional((em) => assignCursors(em, endpoints));

test('a new endpoint begins at the log’s end, a disabled one has no cursor, a removed one is forgotten', async () => {
  await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  expect(await put(makeEndpoint({ id: 'on', events: ['a.*'] }), makeEndpoint({ id: 'off', enabled: false }))).toBe(3);
  expect(await cursors()).toMatchObject([
    { endpointId: 'off', position: null },
    { endpointId: 'on', position: 3, examined: 3, filter: 'a.*', backlog: 0, previous: 0, resumes: 0 },
  ]);
  await put(makeEndpoint({ id: 'on' }));
  expect((await cursors()).map(({ endpointId }) => endpointId)).toEqual(['on']);
});

test('an endpoint that has a cursor keeps it, with its generation and its pause', async () => {
  await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  const kept = { endpointId: 'crm', generation: 12, position: 1, examined: 2, backlog: 1, previous: 1, filter: 'a.*' };
  await storeCursor(orm, { ...kept, pauseReason: 'gone', resumes: 2 });
  await put(makeEndpoint({ events: ['b.*'] }));
  expect(await cursorOf('crm')).toMatchObject({ ...kept, pauseReason: 'gone', resumes: 2 });
});

test('a disabled endpoint keeps its pause and loses its cursor; enabled again, it begins at the end in a new generation', async () => {
  await put(makeEndpoint());
  const { generation } = await cursorOf('crm');
  await orm.em.fork().nativeUpdate(WebhookCursor, 'crm', { pauseReason: 'admin', backlog: 9 });
  await storeLog(orm, ['a.a', 'a.a']);
  await put(makeEndpoint({ enabled: false }));
  expect(await cursorOf('crm')).toMatchObject({ position: null, pauseReason: 'admin', backlog: 0 });
  await put(makeEndpoint());
  const again = await cursorOf('crm');
  expect(again).toMatchObject({
    position: 2,
    examined: 2,
    pauseReason: 'admin',
    backlog: 0,
    previous: 0,
  });
  expect(again.generation).toBeGreaterThan(generation);
});

test('an endpoint that is removed and added again has a generation that was never used, and no pause', async () => {
  await put(makeEndpoint());
  await orm.em.fork().nativeUpdate(WebhookCursor, 'crm', { pauseReason: 'admin' });
  const used = new Set([(await cursorOf('crm')).generation]);
  for (const round of [1, 2, 3]) {
    await put();
    await put(makeEndpoint());
    const { generation, pauseReason } = await cursorOf('crm');
    expect(pauseReason).toBeNull();
    expect(used.size).toBe(round);
    used.add(generation);
  }
  expect(used.size).toBe(4);
});

test('an endpoint’s tests and replays are removed with its cursor', async () => {
  await put(...['kept', 'disabled', 'removed'].map((id) => makeEndpoint({ id })));
  await orm.em.fork().insertMany(
    Replay,
    ['kept', 'disabled', 'removed'].map((endpointId) => ({
      id: randomUUIDv7(),
      endpointId,
      eventId: randomUUIDv7(),
      origin: 'test' as const,
    })),
  );
  await put(makeEndpoint({ id: 'kept' }), makeEndpoint({ id: 'disabled', enabled: false }));
  expect((await orm.em.fork().find(Replay, {})).map(({ endpointId }) => endpointId)).toEqual(['kept']);
});

test('no event is numbered between the cursor of a new endpoint and its commit', async () => {
  await storeLog(orm, ['a.a']);
  await storeEvent(orm);
  const em = orm.em.fork();
  await em.begin();
  expect(await assignCursors(em, [makeEndpoint()])).toBe(1);
  const numbering = numberAll(orm);
  await eventually(async () => {
    const [{ count }] = await orm.em
      .fork()
      .execute<[{ count: number }]>('select count(*)::int as count from pg_locks where not granted');
    return count > 0;
  });
  await em.commit();
  expect(await numbering).toBe(2);
  expect((await cursorOf('crm')).position).toBe(1);
});

const holdLeases = () => orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [me, epoch]);

let loads = 0;

/** Reads the cursor of `crm` for an owner of its shard's lease. */
async function load(by = me, under = epoch) {
  const lease = { index: shardOf('crm'), epoch: under };
  loads += 1;
  return (await loadCursors(orm, by, [{ endpoint: makeEndpoint(), lease, number: loads }], 0)).get('crm');
}

async function owner() {
  const { owner: id, ownerEpoch } = await cursorOf('crm');
  return { owner: id, ownerEpoch };
}

test('an instance that loads a cursor under its own lease is the cursor’s owner from then on', async () => {
  await holdLeases();
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await load();
  expect(await owner()).toEqual({ owner: me, ownerEpoch: epoch });
  await orm.em.fork().execute('update webhook_leases set epoch = ?', [epoch + 1]);
  await load(me, epoch + 1);
  expect(await owner()).toEqual({ owner: me, ownerEpoch: epoch + 1 });
});

test.each([
  ['of another', () => orm.em.fork().execute('update webhook_leases set owner = ?', [randomUUID()])],
  ['that nobody has', () => orm.em.fork().execute('update webhook_leases set owner = null')],
  ['of a newer epoch', () => orm.em.fork().execute('update webhook_leases set epoch = epoch + 1')],
])('under a lease %s no cursor is read, and its owner stays', async (_, change) => {
  const before = { owner: randomUUID(), ownerEpoch: 2 };
  await holdLeases();
  await storeCursor(orm, { endpointId: 'crm', position: 0, ...before });
  await change();
  expect(await load()).toBeUndefined();
  expect(await owner()).toEqual(before);
});

test('a former owner cannot load a cursor again once the next one has loaded it', async () => {
  await holdLeases();
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await load();
  const next = randomUUID();
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [next, epoch + 1]);
  expect(await load(next, epoch + 1)).toBeDefined();
  expect(await load()).toBeUndefined();
  expect(await owner()).toEqual({ owner: next, ownerEpoch: epoch + 1 });
});

test('the states say what others may have changed, for each endpoint that was asked for and has a cursor', async () => {
  await storeCursor(orm, { endpointId: 'one', position: 4, generation: 9, resumes: 2, pauseReason: 'gone' });
  await storeCursor(orm, { endpointId: 'two', position: 0 });
  await storeCursor(orm, { endpointId: 'disabled', position: null });
  await storeCursor(orm, { endpointId: 'not asked for', position: 0 });
  await orm.em.fork().insert(Replay, { id: newId(), endpointId: 'two', eventId: newId(), origin: 'replay' });
  const orders = `insert into webhook_orders (id, endpoint_id, kind, outcome) values (?, ?, 'retry', ?)`;
  await orm.em.fork().execute(orders, [newId(), 'one', null]);
  await orm.em.fork().execute(orders, [newId(), 'two', 'done']);
  const states = await readStoredStates(orm, ['one', 'two', 'disabled', 'unknown']);
  expect(states.toSorted((a, b) => a.endpointId.localeCompare(b.endpointId))).toEqual([
    { endpointId: 'one', generation: 9, resumes: 2, pauseReason: 'gone', hasReplays: false, hasOrders: true },
    { endpointId: 'two', generation: 1, resumes: 0, pauseReason: null, hasReplays: true, hasOrders: false },
  ]);
  expect(await readStoredStates(orm, [])).toEqual([]);
});
