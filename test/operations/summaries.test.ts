import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { startSummaries, summarise } from '../../src/operations/summaries.ts';
import { storeDelivery } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 3, name: 'summaries-test' });
  await storeDelivery(orm);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

/** How many ranges of pages of the default partition no summary covers: what is left for this call to do. */
async function unsummarised(): Promise<number> {
  const em = orm.em.fork();
  await em.begin();
  try {
    const [{ ranges }] = await em.execute<[{ ranges: number }]>(
      `select brin_summarize_new_values(i.indexrelid::regclass) as ranges from pg_index i
         join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam and a.amname = 'brin'
        where i.indrelid = 'webhook_deliveries_default'::regclass`,
    );
    return ranges;
  } finally {
    await em.rollback();
  }
}

/** More pages than one range has. */
async function fill(): Promise<void> {
  const all = 'select string_agg(attname, $$, $$) as names from pg_attribute';
  const [{ names }] = await orm.em
    .fork()
    .execute<[{ names: string }]>(
      `${all} where attrelid = 'webhook_deliveries'::regclass and attnum > 0 and attname <> 'id'`,
    );
  await orm.em.fork().execute(
    `insert into webhook_deliveries_default (id, ${names})
       select gen_random_uuid(), ${names} from (select * from webhook_deliveries limit 1) one, generate_series(1, 2000)`,
  );
}

test('what came to a table since is in the summaries of its indexes', async () => {
  await fill();
  expect(await unsummarised()).toBeGreaterThan(0);
  await summarise(orm);
  expect(await unsummarised()).toBe(0);
});

test('it waits for nobody who is at work on a table, and does that one the next time', async () => {
  await fill();
  const held = orm.em.fork();
  await held.begin();
  // As an autovacuum holds it.
  await held.execute('lock table webhook_deliveries_default in share update exclusive mode');
  await summarise(orm);
  await held.commit();
  expect(await unsummarised()).toBeGreaterThan(0);
  await using _ = startSummaries({ orm, log: { warn: expect.fail }, everyMs: 5 });
  await eventually(async () => (await unsummarised()) === 0);
});
