import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBacklogs } from '../../src/cursors/count-backlog.ts';
import { oldestUnsettled } from '../../src/cursors/oldest-unsettled.ts';
import { openOrm } from '../../src/model/orm.ts';
import { storeCursor, storeEvent } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 1, name: 'operational-backlog-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

async function stateOf(events: string[]): Promise<{ backlog?: number; oldestMs: number | null }> {
  const asked = [makeEndpoint({ id: 'crm', events })];
  const backlog = (await readBacklogs(orm.em.fork(), asked)).get('crm')!;
  return { backlog, oldestMs: (await oldestUnsettled(orm.em.fork(), asked)).get('crm')?.getTime() ?? null };
}

test('events about the endpoint itself, and for `*` all of the service’s own operation, are in no backlog', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0, filter: 'webhook.*' });
  const about = { type: 'webhook.endpoint_paused', notFor: 'crm' };
  await storeEvent(orm, { ...about, position: 1 });
  await storeEvent(orm, { ...about, position: null });
  expect(await stateOf(['webhook.*'])).toEqual({ backlog: 0, oldestMs: null });
  await storeEvent(orm, { ...about, notFor: 'other', position: 2, createdAt: new Date(2_000) });
  await storeEvent(orm, { ...about, notFor: 'other', position: null });
  expect(await stateOf(['webhook.*'])).toEqual({ backlog: 2, oldestMs: 2_000 });
  expect(await stateOf(['*'])).toEqual({ backlog: 0, oldestMs: null });
});
