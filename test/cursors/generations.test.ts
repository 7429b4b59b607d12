// A restored database gives the numbers of its sequences again; a generation is none the less never given twice.

import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { assignCursors } from '../../src/cursors/assign-cursors.ts';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { findTarget, rewindCursor } from '../../src/operations/rewind.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { clearTables, storeAttempts, storeLog } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'generations-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const crm = makeEndpoint({ id: 'crm', events: ['*'] });

const reload = (...endpoints: Parameters<typeof assignCursors>[1]) =>
  orm.em.fork().transactional((em) => assignCursors(em, endpoints));
const rewind = (position: string) =>
  orm.em.fork().transactional(async (em) => rewindCursor(em, crm, await findTarget(em, crm, { position })));
const generation = async () => (await orm.em.fork().findOneOrFail(WebhookCursor, 'crm')).generation;

/** Makes a generation, and gives what becomes of it: a restore takes the sequence back to where it was before. */
async function losing(make: () => Promise<unknown>): Promise<number> {
  const em = orm.em.fork();
  const [backup] = await em.execute<[{ last: string }]>('select last_value as last from webhook_generations');
  await make();
  const lost = await generation();
  await em.execute(`select setval('webhook_generations', ?)`, [backup.last]);
  return lost;
}

test('a rewind that is repeated on a restored database sends again what the lost one has sent', async () => {
  const events = await storeLog(orm, Array<string>(10).fill('a.a'));
  await reload(crm);
  const lost = await losing(() => rewind('4'));
  await storeCursor(orm, { endpointId: 'crm', position: 10, examined: 10 });
  await rewind('4');
  // They were on their way when the database was restored.
  await storeAttempts(orm, [
    { event: events[3]!, generation: lost },
    { event: events[4]!, generation: lost, status: 'failed' },
    { event: events[5]!, generation: lost, status: 'retrying', attemptCount: 2, waitMs: 60_000 },
  ]);
  const [owner, lease] = [randomUUID(), { index: shardOf('crm'), epoch: 1 }];
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = 1', [owner]);
  const loaded = await loadCursors(orm, owner, [{ endpoint: crm, lease, number: 1 }], 10);
  expect(loaded.get('crm')).toMatchObject({ position: 3, settled: new Set(), retries: [], backlog: 7 });
});

test.each([
  ['removed', []],
  ['disabled', [makeEndpoint({ enabled: false })]],
])('an endpoint that was %s and comes again has a generation that was never used', async (_, without) => {
  const comesAgain = async () => {
    await reload(...without);
    await reload(crm);
  };
  await reload(crm);
  const lost = await losing(comesAgain);
  await comesAgain();
  expect(await generation()).not.toBe(lost);
});
