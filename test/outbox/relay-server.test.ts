import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { startRelay } from '../../src/outbox/relay.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'relay-server-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

test('on a database server that nobody has compared the log with nothing is numbered, and then everything is', async () => {
  const [{ present }] = await orm.em
    .fork()
    .execute<[{ present: string }]>('select pg_postmaster_start_time()::text as present');
  let server = '2026-01-01 00:00:00+00';
  const errors: unknown[] = [];
  const relay = startRelay({ orm, server: () => server, onNumbered() {}, onError: (error) => errors.push(error) });
  try {
    await storeEvent(orm, { position: null });
    relay.setMode('leads');
    await eventually(() => errors.length > 0);
    await expect(relay.catchUp()).rejects.toThrow('another database server');
    server = present;
    expect(await relay.catchUp()).toBe(1);
  } finally {
    await relay[Symbol.asyncDispose]();
  }
});
