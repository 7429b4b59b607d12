// The positions of events are found by their ids, however far apart those are.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { positionsOf } from '../../src/log/positions.ts';
import { openOrm } from '../../src/model/orm.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;

const idOf = (number: number) => `01a20000-${(number % 10_000).toString().padStart(4, '0')}-7000-8000-000000000000`;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'positions-test' });
  // Position 1 has the id 1, and so on.
  await orm.em.fork().execute(
    `insert into webhook_log (position, event_id, type, line, configuration, positioned_at)
     select n, ('01a20000-' || lpad(n::text, 4, '0') || '-7000-8000-000000000000')::uuid, 'a.b', 0, 0, now()
       from generate_series(1, 9000) n`,
  );
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const found = async (...numbers: number[]) => await positionsOf(orm.em.fork(), numbers.map(idOf));

test('of neighbours, of one alone and of those at the two ends of the log, and of none that has no position', async () => {
  const page = Array.from({ length: 50 }, (_, index) => 8_990 - index);
  expect(await found(...page)).toEqual(new Map(page.toSorted((a, b) => a - b).map((n) => [idOf(n), n])));
  expect(await found(7)).toEqual(new Map([[idOf(7), 7]]));
  expect([...(await found(9_000, 1, 4_500, 9_500, 4_501, 1)).values()].toSorted((a, b) => a - b)).toEqual([
    1, 4_500, 4_501, 9_000,
  ]);
  expect(await found(9_500, 9_501)).toEqual(new Map());
  expect(await found()).toEqual(new Map());
});
