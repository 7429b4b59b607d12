// What a rewind would send again is counted as the rewind would find it, and changes nothing.

import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { countRewind } from '../../src/operations/rewind.ts';
import type { Refusal } from '../../src/policy/refusal.ts';
import { storeCursor, storeEvent } from '../api/stored-rows.ts';
import { clearTables, storeAttempts, storeLog } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { storeSeries } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'rewind-count-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const crm = makeEndpoint({ id: 'crm', events: ['a.*'] });
const count = (position: string, endpoint = crm) => countRewind(orm.em.fork(), endpoint, { position });

test('counted are the settled events from the position on, by the present filter, those above the cursor included', async () => {
  const events = await storeLog(orm, ['a.a', 'b.b', 'a.a', 'a.b', 'b.b', 'a.a', 'a.a', 'a.a', 'a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: 5 });
  // The cursor is written late: two more are settled, one waits for its retry, and one has not come to its turn.
  await storeAttempts(orm, [
    { event: events[5]! },
    { event: events[6]!, status: 'retrying' },
    { event: events[6]!, status: 'failed', attemptCount: 2 },
    { event: events[7]!, status: 'retrying' },
  ]);
  const at = async (position: number) => await count(String(position));
  expect([await at(0), await at(1), await at(2), await at(4), await at(6), await at(7), await at(8)]).toEqual([
    5, 5, 4, 3, 2, 1, 0,
  ]);
  expect(await count('1', { ...crm, events: ['b.b'] })).toBe(2);
  expect(await countRewind(orm.em.fork(), crm, { at: new Date(0) })).toBe(5);
});

test('its errors are those of the rewind', async () => {
  const events = await storeLog(orm, ['a.a', 'a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await storeAttempts(orm, [{ event: events[0]!, status: 'retrying' }]);
  const codeOf = (position: string) => count(position).catch((error: unknown) => (error as Refusal).code);
  expect([await codeOf('2'), await codeOf('x'), await codeOf('1')]).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT', 0]);
  await clearTables(orm);
  expect(await codeOf('1')).toBe('CONFLICT');
});

test('it is exact to 10,000, near the position and far from it, and never more', async () => {
  await storeSeries(orm, 1, 10_100);
  // One near the others, some far behind them, and one above the cursor that nobody has settled.
  for (const position of [10_101, 150_001, 160_002, 170_000, 170_001])
    await storeEvent(orm, { position, type: 'r.rare' });
  await storeCursor(orm, { endpointId: 'crm', position: 170_000 });
  const [all, rare] = [
    { ...crm, events: ['order.paid'] },
    { ...crm, events: ['no.such', 'r.*'] },
  ];
  expect([await count('102', all), await count('101', all), await count('1', all)]).toEqual([9_999, 10_000, 10_000]);
  expect([await count('1', rare), await count('10102', rare), await count('160002', rare)]).toEqual([4, 3, 2]);
  expect(await count('1', { ...crm, events: ['no.such'] })).toBe(0);
});
