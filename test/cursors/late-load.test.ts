// A load of cursors that waits for a lock, while its instance loses the lease.

import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let orm: MikroORM;
beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'late-load-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const [before, after] = [6, 7];

async function load(owner: string, epoch: number, ids: readonly string[]): Promise<string[]> {
  const questions = ids.map((id) => {
    return { endpoint: makeEndpoint({ id }), lease: { index: shardOf(id), epoch }, number: 1 };
  });
  return [...(await loadCursors(orm, owner, questions, 0)).keys()];
}

test('it takes no cursor that the next owner has loaded meanwhile', async () => {
  const [former, next] = [randomUUID(), randomUUID()];
  const give = async (owner: string, epoch: number) =>
    await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [owner, epoch]);
  await give(former, before);
  for (const endpointId of ['billing', 'crm']) await storeCursor(orm, { endpointId, position: 0 });
  const holding = orm.em.fork();
  await holding.begin();
  await holding.execute(`select 1 from webhook_cursors where endpoint_id = 'billing' for update`);
  const late = load(former, before, ['billing', 'crm']);
  await eventually(async () => {
    const waiting = `select count(*)::int as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    const [{ count }] = await orm.em.fork().execute<[{ count: number }]>(waiting);
    return count > 0;
  });
  await give(next, after);
  expect(await load(next, after, ['crm'])).toEqual(['crm']);
  await holding.commit();
  expect(await late).not.toContain('crm');
  expect(await orm.em.fork().findOneOrFail(WebhookCursor, 'crm')).toMatchObject({ owner: next, ownerEpoch: after });
});
