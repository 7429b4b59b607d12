import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { clearTables } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'place-owners-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const me = randomUUID();
const epoch = 6;

beforeEach(async () => {
  await clearTables(orm);
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [me, epoch]);
});

/** Reads the cursor of `crm` for an owner of its shard's lease. */
async function load(owner = me, under = epoch) {
  const lease = { index: shardOf('crm'), epoch: under };
  return (await loadCursors(orm, owner, [{ endpoint: makeEndpoint(), lease }], 0)).get('crm');
}

const storePlace = (given: Partial<WebhookCursor> = {}) =>
  storeCursor(orm, { endpointId: 'crm', position: 0, ...given });

const ownerOf = async (endpointId: string) => {
  const { owner, ownerEpoch } = await orm.em.fork().findOneOrFail(WebhookCursor, { endpointId });
  return { owner, ownerEpoch };
};

test('whoever reads a cursor under a lease that it holds is its owner from then on', async () => {
  await storePlace();
  await load();
  expect(await ownerOf('crm')).toEqual({ owner: me, ownerEpoch: epoch });
  await orm.em.fork().execute('update webhook_leases set epoch = ?', [epoch + 1]);
  await load(me, epoch + 1);
  expect(await ownerOf('crm')).toEqual({ owner: me, ownerEpoch: epoch + 1 });
});

test.each([
  ['of another', () => orm.em.fork().execute('update webhook_leases set owner = ?', [randomUUID()])],
  ['that nobody has', () => orm.em.fork().execute('update webhook_leases set owner = null')],
  ['of a newer epoch', () => orm.em.fork().execute('update webhook_leases set epoch = epoch + 1')],
])('under a lease %s no cursor is read, and its owner stays', async (_, change) => {
  const before = { owner: randomUUID(), ownerEpoch: 2 };
  await storePlace(before);
  await change();
  expect(await load()).toBeUndefined();
  expect(await ownerOf('crm')).toEqual(before);
});

test('a cursor that was read for one owner is not for the next one’s predecessor to read again', async () => {
  await storePlace();
  await load();
  const next = randomUUID();
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [next, epoch + 1]);
  expect(await load(next, epoch + 1)).toBeDefined();
  expect(await load()).toBeUndefined();
  expect(await ownerOf('crm')).toEqual({ owner: next, ownerEpoch: epoch + 1 });
});
