import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { filteredDeliveries } from '../../src/api/graphql/filtered-deliveries.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type WebhookDelivery, deliveryStatuses } from '../../src/model/webhook-delivery.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { storeDelivery } from './stored-rows.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'filtered-deliveries-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const dayMs = 24 * 60 * 60 * 1000;
const few = fc.constantFrom('a', 'b', 'c');
/** Also of a clock that is ahead, and of longer ago than all looks but the last take in. */
const days = fc.oneof(fc.integer({ min: -2, max: 3 }), fc.integer({ min: -2, max: 50 }));
const stored = fc.record({ endpointId: few, eventType: few, status: fc.constantFrom(...deliveryStatuses), days });
const filter = fc.oneof(
  fc.record({ endpointId: few }),
  fc.record({ eventType: few }),
  fc.record({ endpointId: few, status: fc.constantFrom(...deliveryStatuses) }),
);
const bound = fc.option(fc.nat({ max: 30 }), { nil: undefined });

test('a page is what all matching rows give that lie within its bounds, on whatever days they were', async () => {
  const rows = fc.array(stored, { minLength: 1, maxLength: 30 });
  const asked = fc.record({ where: filter, below: bound, above: bound, limit: fc.integer({ min: 1, max: 12 }) });
  const now = Date.now();
  await fc.assert(
    fc.asyncProperty(rows, fc.array(asked, { minLength: 4, maxLength: 4 }), async (given, questions) => {
      await orm.em.fork().execute('truncate webhook_deliveries');
      const all: WebhookDelivery[] = [];
      for (const { days: ago, ...row } of given) {
        all.push(await storeDelivery(orm, { ...row, createdAt: new Date(now - ago * dayMs) }));
      }
      for (const { where, below, above, limit } of questions) {
        const bounds = { $lt: all[below ?? -1]?.id, $gte: all[above ?? -1]?.id };
        const { $lt = '~', $gte = '' } = bounds;
        const isWanted = (row: WebhookDelivery) =>
          Object.entries(where).every(([name, wanted]) => row[name as 'status'] === wanted) &&
          row.id < $lt &&
          row.id >= $gte;
        const expected = all
          .filter(isWanted)
          .map(({ id }) => id)
          .toSorted();
        const list = filteredDeliveries(orm.em.fork(), where);
        const newest = await list.find(bounds, 'desc', limit);
        const oldest = await list.find(bounds, 'asc', limit);
        expect(newest.map(({ id }) => id)).toEqual(expected.toReversed().slice(0, limit));
        expect(oldest.map(({ id }) => id)).toEqual(expected.slice(0, limit));
      }
    }),
    { numRuns: 6 },
  );
});

test('text of a filter is only ever text', async () => {
  for (const text of ["'", '?', '??', '\\', "\\' or true --", '$1', ':id:']) {
    const { id } = await storeDelivery(orm, { eventType: text });
    const found = await filteredDeliveries(orm.em.fork(), { eventType: text }).find({}, 'desc', 2);
    expect(found.map((row) => row.id)).toEqual([id]);
  }
});
