import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contradicts, identifyLog, takeNewEpoch } from '../../src/log/identity.ts';
import { openOrm } from '../../src/model/orm.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'identity-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

test('a log gets its name once, whoever asks first, and another database another one', async () => {
  const keys = await Promise.all(Array.from({ length: 4 }, async () => (await identifyLog(orm)).key));
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).toMatch(/^tidings:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:1:events$/);
  await using another = await openDatabase();
  const other = openOrm({ url: another.url, connections: 1, name: 'identity-test' });
  expect((await identifyLog(other)).key).not.toBe(keys[0]);
  await other.close(true);
});

test('a new epoch is another stream of the same log, for all who ask after it', async () => {
  const { key: before } = await identifyLog(orm);
  const { key: after } = await takeNewEpoch(orm);
  expect(after).toBe(before.replace(':1:', ':2:'));
  expect((await identifyLog(orm)).key).toBe(after);
});

test('a stream contradicts Postgres by another event at a position, or by one beyond its end, and by nothing else', async () => {
  const { id } = await storeEvent(orm, { position: 5 });
  await orm.em.fork().execute('update webhook_log_head set position = 5');
  expect(await contradicts(orm, { position: 5, id })).toBe(false);
  expect(await contradicts(orm, { position: 5, id: '0195f0a0-0000-7000-8000-000000000001' })).toBe(true);
  expect(await contradicts(orm, { position: 6, id })).toBe(true);
  // Long ago purged.
  expect(await contradicts(orm, { position: 4, id })).toBe(false);
});
