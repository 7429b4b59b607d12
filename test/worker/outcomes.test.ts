import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { EndpointOutcomes } from '../../src/model/endpoint-outcomes.ts';
import { openOrm } from '../../src/model/orm.ts';
import { createOutcomes } from '../../src/worker/outcomes.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;
beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'outcomes-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => orm.em.fork().nativeDelete(EndpointOutcomes, {}));

type Attempt = [at: number, status: 'delivered' | 'retrying' | 'failed', error?: string, endpointId?: string];

/** A writer of its own notes these attempts, each of 5 ms, and is closed. */
async function note(...attempts: Attempt[]): Promise<void> {
  await using outcomes = createOutcomes({
    orm,
    log: { warn: (fields: object) => expect.fail(JSON.stringify(fields)) },
  });
  for (const [at, status, error = null, endpointId = 'crm'] of attempts) {
    outcomes.note({ endpointId, status, errorMessage: error, createdAt: new Date(at), latencyMs: 5.2 });
  }
}

const stored = async () => await orm.em.fork().find(EndpointOutcomes, {}, { orderBy: { endpointId: 'asc' } });

test('of each endpoint the newest delivered and the newest failed attempt are kept, with the time when they ended', async () => {
  await note(
    [1_000, 'failed', 'HTTP 500'],
    [2_000, 'delivered'],
    [3_000, 'retrying', 'HTTP 503'],
    [2_500, 'failed', 'late'],
    [4_000, 'delivered', undefined, 'shop'],
  );
  expect(await stored()).toMatchObject([
    { endpointId: 'crm', deliveredAt: new Date(2_005), failedAt: new Date(3_005), error: 'HTTP 503' },
    { endpointId: 'shop', deliveredAt: new Date(4_005), failedAt: null, error: null },
  ]);
});

test.each<[string, Attempt[], object]>([
  [
    'newer',
    [
      [5_000, 'failed', 'new'],
      [6_000, 'delivered'],
    ],
    { deliveredAt: new Date(6_005), failedAt: new Date(5_005), error: 'new' },
  ],
  [
    'older',
    [
      [500, 'failed', 'old'],
      [600, 'delivered'],
    ],
    { deliveredAt: new Date(2_005), failedAt: new Date(1_005), error: 'first' },
  ],
  ['of one kind', [[5_000, 'delivered']], { deliveredAt: new Date(5_005), failedAt: new Date(1_005), error: 'first' }],
])(
  'what another thread writes that is %s meets what is stored, and the newest of both stays',
  async (_, attempts, left) => {
    await note([1_000, 'failed', 'first'], [2_000, 'delivered']);
    await note(...attempts);
    expect(await stored()).toMatchObject([{ endpointId: 'crm', ...left }]);
  },
);
