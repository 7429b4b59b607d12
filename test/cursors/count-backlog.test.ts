import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { countMatches, countNear } from '../../src/cursors/count-backlog.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { storeSeries } from '../support/recorded-events.ts';
import { clearTables, storeLog } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'backlog-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

/** What a pattern asks for, by the contract: `*` stands for any run of characters, and `webhook.` must be written. */
function wants(patterns: readonly string[], type: string): boolean {
  return patterns.some(
    (pattern) =>
      (pattern.startsWith('webhook.') || !type.startsWith('webhook.')) &&
      new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's').test(type),
  );
}

const types = [
  'order.paid',
  'order_paid.x',
  'orderxpaid.x',
  'user.login',
  'user.oauth_linked',
  'webhook.test',
  'webhook.endpoint_paused',
];
const pattern = fc.constantFrom(
  '*',
  'order.*',
  'order_*',
  '*.x',
  'user.*',
  'user.oauth_*',
  '*_*',
  'a%',
  'u**n',
  'webhook.*',
  'webhook.endpoint_*',
  'web*',
  'none',
);

test('near the log’s end, each endpoint’s matches are counted exactly', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...types), { maxLength: 40 }),
      fc.array(fc.record({ events: fc.array(pattern, { minLength: 1, maxLength: 3 }), after: fc.nat({ max: 45 }) }), {
        maxLength: 4,
      }),
      fc.nat({ max: 40 }),
      async (logged, asked, end) => {
        await clearTables(orm);
        const log = await storeLog(orm, logged);
        const head = Math.min(end, log.length);
        const counts = await countNear(
          orm,
          asked.map(({ events, after }) => ({ endpoint: { id: 'crm', events }, after })),
          head,
        );
        expect(counts).toEqual(
          asked.map(({ events, after }) => ({
            count: log.filter(
              ({ position, type, addressedTo, notFor }) =>
                position > after && position <= head && addressedTo === null && notFor !== 'crm' && wants(events, type),
            ).length,
            isLowerBound: false,
          })),
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('far from the end Postgres counts, to 20,000 at most, and says when it stopped there', async () => {
  const head = 50_000;
  await storeSeries(orm, 1, head, {
    type: `case when n % 10 = 0 then 'order_x.paid' else 'user.login' end`,
    addressedTo: `case when n % 1000 = 0 then 'crm' end`,
  });
  const ask = async (events: string[], after: number) =>
    await countMatches(orm, { endpoint: { id: 'crm', events }, after }, head);
  // 49,000 to go: every tenth is an order, and of those every hundredth is addressed.
  expect(await ask(['order_*'], 1_000)).toEqual({ count: 4_900 - 49, isLowerBound: false });
  expect(await ask(['orderx*', 'order%'], 1_000)).toEqual({ count: 0, isLowerBound: false });
  expect(await ask(['*'], 1_000)).toEqual({ count: 20_000, isLowerBound: true });
  expect(await ask(['*'], 30_000)).toEqual({ count: 20_000 - 20, isLowerBound: false });
  expect(await ask(['*'], 29_999)).toEqual({ count: 20_001 - 21, isLowerBound: false });
  // Whoever loads cursors does not wait for that.
  const both = [29_999, 30_000].map((after) => ({ endpoint: { id: 'crm', events: ['*'] }, after }));
  expect(await countNear(orm, both, head)).toEqual([
    { count: 0, isLowerBound: true },
    { count: 20_000 - 20, isLowerBound: false },
  ]);
});
