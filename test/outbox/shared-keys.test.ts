// An idempotency key is one event, whether GraphQL or SQL used it first, one after another or at once.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { openOrm } from '../../src/model/orm.ts';
import { publishEvents } from '../../src/outbox/publish.ts';
import { createTransactions, type Transactions } from '../../src/outbox/transactions.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
let transactions: Transactions;
let first: pg.Client;
let second: pg.Client;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'shared-keys-test' });
  transactions = createTransactions({ orm, onCommit: () => {} });
  [first, second] = [0, 1].map(() => new pg.Client({ connectionString: database.url })) as [pg.Client, pg.Client];
  await Promise.all([first.connect(), second.connect()]);
});
afterAll(async () => {
  await Promise.all([first.end(), second.end()]);
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const client of [first, second]) await client.query('rollback');
  await first.query('truncate tidings.webhook_events, tidings.webhook_outbox, tidings.webhook_idempotency_keys');
});

async function bySql(client: pg.Client, n: number, subject = 'order-1'): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select tidings.publish($1, $2, $3, $4) as id', [
    'order.paid',
    `{"n":${n}}`,
    subject,
    'k',
  ]);
  return rows[0]!.id;
}

async function byApi(n: number): Promise<string> {
  const [event] = await publishEvents(transactions, [
    { type: 'order.paid', data: { n }, subject: 'order-1', idempotencyKey: 'k' },
  ]);
  return event!.id;
}

const conflict = 'was used within a day for another type, subject or data. Use a new key.';

/** Resolves when some backend waits for another's lock. */
async function someoneWaits(): Promise<void> {
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await eventually(async () => (await orm.em.fork().execute<object[]>(waiting)).length > 0, { saying: 'a wait' });
}

test('a key that one side used gives its event on the other, or a conflict for other data', async () => {
  const id = await bySql(first, 1);
  expect(await byApi(1)).toBe(id);
  expect(await bySql(second, 1)).toBe(id);
  await expect(byApi(2)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining(conflict) });
  await expect(bySql(first, 2)).rejects.toMatchObject({ code: '22023', message: `idempotency_key: ${conflict}` });
  await expect(bySql(first, 1, 'Order-1')).rejects.toMatchObject({ code: '22023' });
  expect(await recordedEvents(orm)).toHaveLength(1);
});

test('an event of the API is found by its key from SQL', async () => {
  const id = await byApi(1);
  expect(await bySql(first, 1)).toBe(id);
  await expect(bySql(first, 2)).rejects.toMatchObject({ code: '22023' });
});

test.each(['commit', 'rollback'])('who comes second waits for the first, and heeds its %s', async (end) => {
  for (const later of [() => byApi(1), () => bySql(second, 1)]) {
    await first.query('begin');
    const id = await bySql(first, 1);
    const waiting = later();
    await someoneWaits();
    await first.query(end);
    const its = await waiting;
    expect(its === id).toBe(end === 'commit');
    expect((await recordedEvents(orm)).map((event) => event.id)).toEqual([its]);
    await first.query('truncate tidings.webhook_events, tidings.webhook_outbox, tidings.webhook_idempotency_keys');
  }
});

test('SQL waits for a call of the API that has the key, and gives its event', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: recorded, resolve: hasRecorded } = Promise.withResolvers<string>();
  const api = transactions.run(async (em) => {
    const inside: Transactions = { run: async (work) => await work(em) };
    const [event] = await publishEvents(inside, [
      { type: 'order.paid', data: { n: 1 }, subject: 'order-1', idempotencyKey: 'k' },
    ]);
    hasRecorded(event!.id);
    await held;
  });
  const id = await recorded;
  const waiting = bySql(first, 1);
  await someoneWaits();
  release();
  await api;
  expect(await waiting).toBe(id);
});

test('in one transaction a key gives its event again', async () => {
  await first.query('begin');
  const id = await bySql(first, 1);
  expect(await bySql(first, 1)).toBe(id);
  await first.query('commit');
  expect(await recordedEvents(orm)).toHaveLength(1);
});

test('a caller whose snapshot is older than the key is told to run its transaction again', async () => {
  await first.query('begin isolation level repeatable read');
  await first.query('select 1 from tidings.webhook_log_head');
  await bySql(second, 1);
  await expect(bySql(first, 1)).rejects.toMatchObject({ code: '40001' });
});

test('a key is free again after a day, and where its event is no longer kept', async () => {
  const id = await bySql(first, 1);
  const age = (by: string) =>
    first.query(`update tidings.webhook_idempotency_keys set created_at = created_at - interval '${by}'`);
  await age('23 hours 59 minutes');
  expect(await bySql(first, 1)).toBe(id);
  await age('1 minute');
  const next = await bySql(first, 2);
  expect(next).not.toBe(id);
  expect(await byApi(2)).toBe(next);
  for (const publish of [() => bySql(first, 3), () => byApi(4)]) {
    await first.query('delete from tidings.webhook_events');
    const again = await publish();
    expect(await publish()).toBe(again);
  }
});

test('many callers of both sides with one key get one event', async () => {
  const clients = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      return client;
    }),
  );
  const ids = await Promise.all([...clients.map((client) => bySql(client, 1)), ...clients.map(() => byApi(1))]);
  await Promise.all(clients.map((client) => client.end()));
  expect(new Set(ids).size).toBe(1);
  expect(await recordedEvents(orm)).toHaveLength(1);
});
