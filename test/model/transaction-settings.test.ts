// What a statement of ours finds set, whatever the database, the role or the session before it had set.

import type { MikroORM } from '@mikro-orm/postgresql';
import { IsolationLevel } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { migrate } from '../../src/model/migrations.ts';
import { setInEachTransaction, type SettingPool } from '../../src/model/transaction-settings.ts';
import { IdempotencyKey } from '../../src/model/idempotency-key.ts';
import { openSomebodyElsesDatabase, otherwise } from '../support/somebody-elses-database.ts';
import { storeEvent } from '../api/stored-rows.ts';
import type { TestDatabase } from '../support/database.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';

let database: TestDatabase;
let orm: MikroORM;
/** Asks on the one connection as the session is, without what a transaction of ours sets. */
let plainly: (text: string) => Promise<{ rows: Record<string, unknown>[] }>;

beforeAll(async () => {
  database = await openSomebodyElsesDatabase(inject('postgresUrl'));
  await migrate(database);
  type Raw = { query: typeof plainly };
  orm = openOrm(
    { url: database.url, connections: 1, name: 'settings-test' },
    {
      driverOptions: {
        onPoolCreated(pool: SettingPool & { on(event: 'connect', listener: (client: Raw) => void): unknown }) {
          pool.on('connect', (client: Raw) => (plainly = client.query.bind(client)));
          setInEachTransaction(pool, { statementMs: 7_000, idleMs: 8_000 });
        },
      },
    },
  );
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const expected: Record<keyof typeof otherwise, unknown> = {
  search_path: '"tidings", pg_temp',
  datestyle: expect.stringMatching(/^ISO, /),
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  jit: 'off',
  transaction_isolation: 'read committed',
  synchronous_commit: 'on',
  statement_timeout: '7s',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '8s',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '5',
  tcp_user_timeout: '15000',
};
const shown = Object.keys(expected).map((name) => `current_setting('${name}') as ${name}`);
const show = `select ${shown.join(', ')}`;

/** Every setting of the session, as `name=value`. */
async function inSession(): Promise<string[]> {
  const { rows } = await plainly(`select name || '=' || setting as one from pg_settings order by name`);
  return rows.map(({ one }) => String(one));
}

test('alone and in a transaction a statement finds the same settings, and neither leaves any behind', async () => {
  expect(await orm.em.fork().execute(show)).toEqual([expected]);
  const before = await inSession();
  const found = await orm.em
    .fork()
    .transactional(async (em) => [...(await em.execute<object[]>(show)), ...(await em.execute<object[]>(show))]);
  expect(found).toEqual([expected, expected]);
  await expect(orm.em.fork().transactional((em) => em.execute('select 1 / 0'))).rejects.toMatchObject({
    code: '22012',
  });
  await expect(orm.em.fork().execute('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
  expect(await orm.em.fork().execute(show)).toEqual([expected]);
  expect((await inSession()).filter((row) => !before.includes(row))).toEqual([]);
  const session = (
    await plainly(
      `select ${Object.keys(otherwise)
        .map((name) => `current_setting('${name}') as ${name}`)
        .join()}`,
    )
  ).rows[0];
  expect(session).toEqual(otherwise);
});

test('what a session was left with changes nothing either', async () => {
  await orm.em.fork().execute('select 1');
  await plainly(
    `set datestyle = 'German'; set timezone = 'Pacific/Chatham'; set search_path = pg_catalog; set bytea_output = 'escape'`,
  );
  expect(await orm.em.fork().execute(show)).toEqual([expected]);
  expect(await orm.em.fork().transactional((em) => em.execute(show))).toEqual([expected]);
  await plainly('reset all');
});

test('a transaction has the isolation that it asks for', async () => {
  const [own] = await orm.em
    .fork()
    .transactional((em) => em.execute<object[]>(show), { isolationLevel: IsolationLevel.REPEATABLE_READ });
  expect(own).toEqual({ ...expected, transaction_isolation: 'repeatable read' });
});

test('a temporary table of our name, left in the session, is not taken for ours', async () => {
  await orm.em.fork().execute('select 1');
  await plainly('create temporary table webhook_log_head (position text)');
  expect(await orm.em.fork().execute('select position::float8 as position from webhook_log_head')).toEqual([
    { position: 0 },
  ]);
  await plainly('drop table pg_temp.webhook_log_head');
});

test('times, large numbers, bytes, intervals, nulls in arrays and any text come back as they were', async () => {
  const at = new Date('2026-02-03T04:05:06.789Z');
  const payload = `{"a":"\\\\ ' \\" \u2028é😀 \\n"}`;
  const { id } = await storeEvent(orm, { createdAt: at, payload });
  expect(await orm.em.fork().findOne(WebhookEvent, id)).toMatchObject({ createdAt: at, payload });
  const em = orm.em.fork();
  await em.persist(em.create(IdempotencyKey, { key: `\\'; drop table users; --`, eventId: id })).flush();
  const [key] = await orm.em.fork().findAll(IdempotencyKey);
  expect(key!.key).toBe(`\\'; drop table users; --`);
  const [row] = await orm.em
    .fork()
    .execute(
      `select (2^53 - 1)::float8 as large, decode('005c27ff', 'hex') as bytes, 0.1::float8 + 0.2::float8 as exact, interval '1 day 2 hours'::text as wait, '{NULL,a}'::text[] as list`,
    );
  const bytes = Buffer.from([0, 0x5c, 0x27, 0xff]);
  expect(row).toEqual({ large: 2 ** 53 - 1, bytes, exact: 0.1 + 0.2, wait: '1 day 02:00:00', list: [null, 'a'] });
});

test('a statement with values, which cannot bring its settings along, is refused outside of a transaction', async () => {
  const ask = () => sql`select ${1}::int as one`.execute(orm.em.fork().getKysely());
  await expect(ask()).rejects.toThrow('needs a transaction');
  const { rows } = await orm.em.fork().transactional((em) => sql`select ${1}::int as one`.execute(em.getKysely()));
  expect(rows).toEqual([{ one: 1 }]);
});
