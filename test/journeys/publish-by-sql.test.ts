// A program that shares the database records events in its own transactions, and wakes nobody: they are delivered at once.

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import { type Stage, openStage } from '../support/stage.ts';

let database: TestDatabase;
let stage: Stage;
let shop: pg.Client;

beforeAll(async () => {
  database = await openDatabase();
  stage = await openStage({ database });
  await stage.place.configure([stage.endpoint('crm')]);
  await stage.start();
  shop = new pg.Client({ connectionString: database.url });
  await shop.connect();
  await shop.query('create table public.orders (id integer primary key, version integer not null default 0)');
});
afterAll(async () => {
  await shop.end();
  for (const part of [stage, database]) await part[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

/** Records an order and its event; their transaction is not at its end. */
async function order(id: number): Promise<string> {
  await shop.query('begin');
  await shop.query('insert into public.orders (id) values ($1)', [id]);
  const { rows } = await shop.query<{ event: string }>(`select tidings.publish('order.placed', $1, $2) as event`, [
    JSON.stringify({ id }),
    `order-${id}`,
  ]);
  return rows[0]!.event;
}

/** From asking for the commit to the request at the receiver. */
async function delayMs(id: number): Promise<number> {
  const event = await order(id);
  const askedAt = monotonicMs();
  await shop.query('commit');
  const request = await eventually(() => stage.receiver.journal.find(({ eventId }) => eventId === event));
  return request.begunAt - askedAt;
}

test('at rest, delivery begins within 250 ms of the commit', async () => {
  let orders = 0;
  // The machine may be busy with other tests for a while.
  await eventually(
    async () => {
      const delays: number[] = [];
      while (delays.length < 8) delays.push(await delayMs((orders += 1)));
      return delays.filter((delay) => delay <= 250).length >= 7;
    },
    { saying: 'seven of eight orders within 250 ms' },
  );
});

test('an order and its event are there, or neither', async () => {
  const before = await stage.log();
  const gone = await order(1_001);
  await shop.query('rollback');
  const kept = await order(1_002);
  await shop.query('commit');
  expect(await stage.judge({ endpoints: ['crm'], acknowledged: [kept], crashes: 0 })).toEqual([]);
  expect((await stage.log()).slice(before.length).map(({ id }) => id)).toEqual([kept]);
  expect(stage.receiver.journal.filter(({ eventId }) => eventId === gone)).toEqual([]);
  expect((await shop.query('select id from public.orders where id > 1000')).rows).toEqual([{ id: 1_002 }]);
});
