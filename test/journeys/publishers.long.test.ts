// A hundred programs publish at once, by SQL and by GraphQL, while the service is killed among them again and again.

import pg from 'pg';
import { expect, test } from 'vitest';
import { openDatabase } from '../support/database.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { openStage } from '../support/stage.ts';

const bySql = 60;
const byGraphql = 40;
const orders = 20;
const changesOfEach = 10;
const endpoints = ['crm', 'billing'];

/**
 * Changes orders and records each change in its transaction, which locks the order's row: so the changes of one order are
 * serialised by their caller. Every fifth is rolled back. Gives the ids of the events that were committed.
 */
async function changeOrders(url: string, publisher: number): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const committed: string[] = [];
  for (let change = 0; change < changesOfEach; change += 1) {
    const order = (publisher + change * 7) % orders;
    await client.query('begin');
    const { rows: changed } = await client.query<{ version: number }>(
      'update public.orders set version = version + 1 where id = $1 returning version',
      [order],
    );
    const { rows } = await client.query<{ id: string }>(`select tidings.publish('order.changed', $1, $2, $3) as id`, [
      JSON.stringify({ order, version: changed[0]!.version }),
      `order-${order}`,
      `order-${order}-${changed[0]!.version}-${publisher}`,
    ]);
    const isKept = change % 5 !== 4;
    await client.query(isKept ? 'commit' : 'rollback');
    if (isKept) committed.push(rows[0]!.id);
  }
  await client.end();
  return committed;
}

test('nothing is lost, nothing that was rolled back is sent, and each order’s events come in the order of their commits', async () => {
  await using database = await openDatabase();
  await using stage = await openStage({ database, environment: { DELIVERY_THREADS: '2' } });
  reportOnFailure(stage);
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id, { base_delay: '50ms' })));
  await stage.start();
  await stage.query(`create table public.orders (id integer primary key, version integer not null default 0)`);
  await stage.query(`insert into public.orders select generate_series(0, ${orders - 1})`);

  let crashes = 0;
  async function killThrice(): Promise<void> {
    for (const requests of [100, 60, 40]) {
      await stage.receiver.more(requests);
      crashes += 1;
      await stage.service().kill();
      await stage.start();
    }
  }

  const until = killThrice();
  // One of them goes on until the last kill.
  const loads = Array.from({ length: byGraphql }, (_, index) =>
    startLoad(stage.service, { batches: 4, size: 3, ...(index === 0 && { until }) }),
  );
  const committed = (
    await Promise.all(Array.from({ length: bySql }, (_, publisher) => changeOrders(database.url, publisher)))
  ).flat();
  await Promise.all(loads.map(({ done }) => done));
  const acknowledged = [...committed, ...loads.flatMap((load) => load.acknowledged)];
  expect(await stage.judge({ endpoints, acknowledged, crashes })).toEqual([]);

  const log = await stage.log();
  // A key is one event however often its call was repeated: no more than what was acknowledged.
  expect(log.map(({ id }) => id).toSorted()).toEqual(acknowledged.toSorted());
  const changes = log
    .filter(({ type }) => type === 'order.changed')
    .map(({ payload }) => (JSON.parse(payload) as { data: { order: number; version: number } }).data);
  const versions = Map.groupBy(changes, ({ order }) => order);
  expect(versions.size).toBe(orders);
  for (const seen of versions.values()) {
    expect(seen.map(({ version }) => version)).toEqual(seen.map((_, index) => index + 1));
  }
});
