import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { openOrm } from '../../src/model/orm.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { clearTables, storeAttempts, storeLog } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { file, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'line-orders-test' });
  await clearTables(orm);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

test('an order that nobody carries out within 5 s is UNAVAILABLE and withdrawn: whoever comes later finds nothing to do', async () => {
  const control = await start();
  const began = performance.now();
  await expect(control.skipEvent('crm', control.bad)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - began).toBeGreaterThan(4_900);
  expect(await orm.em.fork().execute('select 1 from webhook_orders')).toEqual([]);
  const me = randomUUID();
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = 1', [me]);
  const question = { endpoint: named('crm'), lease: { index: shardOf('crm'), epoch: 1 }, number: 1 };
  const loaded = await loadCursors(orm, me, [question], 1);
  expect(loaded.get('crm')).toMatchObject({ settled: new Set(), retries: [{ position: 1, attempts: 1 }] });
});

/** An endpoint that nobody serves, whose first event has failed once. */
async function start() {
  const control = await startControl(orm, file(named('crm')));
  const [event] = await storeLog(orm, ['a.a']);
  const [{ generation }] = await orm.em
    .fork()
    .execute<[{ generation: number }]>('select generation::float8 as generation from webhook_cursors');
  await storeAttempts(orm, [{ event: event!, generation, status: 'retrying', waitMs: 3_600_000 }]);
  return { ...control, bad: event!.id };
}
