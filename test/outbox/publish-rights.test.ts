// Who may publish by SQL may do nothing else, and runs nothing as the function's owner.

import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import pg from 'pg';
import { migrate } from '../../src/model/migrations.ts';
import { administer } from '../support/administer.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';

/** Of the server, which other tests share. */
const suffix = randomBytes(6).toString('hex');
const owner = `owner_${suffix}`;
const shop = `shop_${suffix}`;
const nobody = `nobody_${suffix}`;
const password = randomBytes(12).toString('hex');
let database: TestDatabase;
let asOwner: pg.Client;

beforeAll(async () => {
  database = await openDatabase({ empty: true });
  await administer(
    database.url,
    ...[owner, shop, nobody].map((role) => `create role ${role} login password '${password}'`),
    `grant create on database ${new URL(database.url).pathname.slice(1)} to ${owner}`,
    `grant create on schema public to ${shop}`,
  );
  await migrate(urlOf(owner));
  asOwner = await connect(owner);
  await asOwner.query(`grant usage on schema tidings to ${shop};
    grant execute on function tidings.publish(text, json, text, text) to ${shop}`);
});
afterAll(async () => {
  await asOwner.end();
  await database[Symbol.asyncDispose]();
  await administer(inject('postgresUrl'), ...[owner, shop, nobody].map((role) => `drop role ${role}`));
});
afterEach(async () => {
  await asOwner.query(
    'truncate tidings.webhook_events, tidings.webhook_outbox, tidings.webhook_idempotency_keys restart identity',
  );
});

function urlOf(role: string): string {
  const url = new URL(database.url);
  Object.assign(url, { username: role, password });
  return url.href;
}

async function connect(role: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: urlOf(role) });
  await client.connect();
  return client;
}

type Stored = { seq: number; type: string; subject: string; key: string; payload: string; at: string };

async function stored(): Promise<Stored[]> {
  const { rows } = await asOwner.query<Stored>(
    `select o.seq::int as seq, e.type, e.subject, k.key, e.payload,
            to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
       from tidings.webhook_outbox o join tidings.webhook_events e on e.id = o.event_id
       left join tidings.webhook_idempotency_keys k on k.event_id = e.id order by o.seq`,
  );
  return rows;
}

test('nobody has any right on what `migrate` made but its owner', async () => {
  const { rows } = await asOwner.query(
    `select 'relation' as what, relname as name from pg_class, aclexplode(relacl) a
       where relnamespace = 'tidings'::regnamespace and a.grantee = 0
     union all select 'function', proname from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
       where pronamespace = 'tidings'::regnamespace and a.grantee = 0
         and not exists (select 1 from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
     union all select 'schema', nspname from pg_namespace, aclexplode(nspacl) a
       where nspname = 'tidings' and a.grantee = 0`,
  );
  expect(rows).toEqual([]);
  const client = await connect(nobody);
  await expect(client.query(`select tidings.publish('a.b', '{}')`)).rejects.toMatchObject({ code: '42501' });
  await asOwner.query(`grant usage on schema tidings to ${nobody}`);
  await expect(client.query(`select tidings.publish('a.b', '{}')`)).rejects.toMatchObject({ code: '42501' });
  await client.end();
  await asOwner.query(`revoke usage on schema tidings from ${nobody}`);
});

test('a role with EXECUTE and USAGE publishes, and can do nothing else', async () => {
  const client = await connect(shop);
  await client.query(`select tidings.publish('a.b', '{}', 'order-1', 'k')`);
  await client.query(`select tidings.publish('a.b', '{}', 'order-1', 'k')`);
  const { rows: tables } = await asOwner.query<{ name: string; kind: string }>(
    `select relname as name, relkind as kind from pg_class where relnamespace = 'tidings'::regnamespace
        and relkind in ('r', 'p', 'S')`,
  );
  expect(tables.length).toBeGreaterThan(20);
  for (const { name, kind } of tables) {
    const refused = { code: '42501' };
    await expect(client.query(`select * from tidings.${name}`)).rejects.toMatchObject(refused);
    if (kind === 'S') continue;
    await expect(client.query(`insert into tidings.${name} default values`)).rejects.toMatchObject(refused);
    await expect(client.query(`delete from tidings.${name}`)).rejects.toMatchObject(refused);
  }
  for (const call of [`utf16_length('x')`, `is_deeper_than(1, '{}')`, `has_lone_surrogate('{}')`]) {
    await expect(client.query(`select tidings.${call}`)).rejects.toMatchObject({ code: '42501' });
  }
  await expect(client.query('create table tidings.mine ()')).rejects.toMatchObject({ code: '42501' });
  await expect(
    client.query(`create or replace function tidings.publish(text, json, text, text) returns uuid
      language sql as $$ select null::uuid $$`),
  ).rejects.toMatchObject({ code: '42501' });
  await client.end();
  expect(await stored()).toHaveLength(1);
});

const hostileSettings = {
  search_path: 'pg_temp, trap, public, pg_catalog',
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  timezone: 'Pacific/Chatham',
  standard_conforming_strings: 'off',
  backslash_quote: 'on',
  escape_string_warning: 'on',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  transform_null_equals: 'on',
  lc_time: 'C',
  client_encoding: 'LATIN1',
  row_security: 'off',
  'plpgsql.extra_errors': 'all',
};

test('what a caller has set, and what lies in its way, neither runs as the owner nor changes what is recorded', async () => {
  const client = await connect(shop);
  const names = ['webhook_events', 'webhook_outbox', 'webhook_idempotency_keys'];
  const ran = `begin insert into public.traces values (current_user); `;
  const functions = [
    ...['octet_length(text)', 'to_char(timestamp, text)', 'lpad(text, integer, text)', 'json_typeof(json)'],
    ...[
      'right(text, integer)',
      'gen_random_uuid()',
      'clock_timestamp()',
      'utf16_length(text)',
      'date_part(text, timestamptz)',
    ],
    ...['"position"(text, text)', 'substr(text, integer)', 'replace(text, text, text)', 'to_hex(bigint)'],
  ];
  const result = (name: string) => (/^(octet_length|utf16_length|"position")/.test(name) ? 'integer' : 'text');
  await client.query(`
    create table public.traces (who text);
    create function pg_temp.trap() returns trigger language plpgsql as $$ ${ran} return new; end $$;
    ${names
      .map(
        (name) => `create temporary table ${name} (key text primary key, event_id uuid, id uuid,
          type text, subject text, payload text, created_at timestamptz);
          create trigger trap before insert or update on ${name} for each row execute function pg_temp.trap();`,
      )
      .join('\n')}
  `);
  const schemas = ['pg_temp', 'public'];
  for (const schema of schemas) {
    for (const name of functions) {
      await client.query(`create function ${schema}.${name} returns ${result(name)} language plpgsql as
        $$ ${ran} return null; end $$`);
    }
    await client.query(`
      create function ${schema}.join_texts(text, text) returns text language plpgsql as $$ ${ran} return 'x'; end $$;
      create function ${schema}.is_less(integer, integer) returns boolean language plpgsql as $$ ${ran} return true; end $$`);
  }
  await client.query(`
    create operator public.|| (leftarg = text, rightarg = text, function = public.join_texts);
    create operator public.> (leftarg = integer, rightarg = integer, function = public.is_less);
    create operator public.~ (leftarg = text, rightarg = text, function = public.join_texts);
    create domain pg_temp.uuid as text; create domain pg_temp.text as varchar(1)`);
  for (const [name, value] of Object.entries(hostileSettings)) {
    await client.query(`select pg_catalog.set_config($1, $2, false)`, [name, value]);
  }
  for (let round = 0; round < 2; round += 1) {
    await client.query(`select tidings.publish('order.paid', '{"a":"\\\\u00e9\\\\ud83d\\\\ude00"}', 'order-1', 'k')`);
  }
  await expect(client.query(`select tidings.publish('order.paid', '{"a":"\\\\ud83d"}')`)).rejects.toMatchObject({
    code: '22023',
    message: expect.stringContaining('surrogate'),
  });
  await client.query(`select tidings.publish('order.sent', '{"a":[${'{},'.repeat(120)}"\\\\""]}')`);
  expect((await client.query('select * from public.traces')).rows).toEqual([]);
  await client.end();
  const [paid, sent, ...more] = await stored();
  expect(more).toEqual([]);
  expect(paid).toMatchObject({ type: 'order.paid', subject: 'order-1', key: 'k' });
  expect(paid!.payload).toMatch(/^\{"event_id":"[0-9a-f-]{36}","event_type":"order.paid","timestamp":"/);
  expect(JSON.parse(paid!.payload)).toMatchObject({ timestamp: paid!.at, data: { a: 'é😀' } });
  expect(sent!.payload).toContain(',"\\""]');
  expect(Math.abs(Date.parse(paid!.at) - Date.now())).toBeLessThan(60_000);
});

test('the trap would run, were its names found', async () => {
  const client = await connect(shop);
  await client.query(`create temporary table traces (who text); create temporary table webhook_outbox (event_id uuid);
    create function pg_temp.trap() returns trigger language plpgsql as $$
      begin insert into traces values (current_user); return new; end $$;
    create trigger trap before insert on webhook_outbox for each row execute function pg_temp.trap()`);
  await client.query('grant insert on webhook_outbox, traces to public');
  await asOwner.query(`create function tidings.careless() returns void language sql security definer
    set search_path = tidings as $$ insert into webhook_outbox (event_id) values (null) $$;
    grant execute on function tidings.careless() to ${shop}`);
  try {
    await client.query('select tidings.careless()');
    expect((await client.query('select who from traces')).rows).toEqual([{ who: owner }]);
  } finally {
    await asOwner.query('drop function tidings.careless()');
    await client.end();
  }
});

test('a collation that comes with an argument does not decide what is the same', async () => {
  await administer(
    database.url,
    `create collation if not exists public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  );
  const client = await connect(shop);
  const publish = (subject: string, key: string) =>
    client.query(
      `select tidings.publish('a.b', '{"a":"\\u00e9"}', $1::text collate public.any_case, $2::text collate public.any_case)`,
      [subject, key],
    );
  await publish('Order', 'k');
  await publish('Order', 'K');
  await expect(publish('order', 'k')).rejects.toMatchObject({ code: '22023' });
  await client.end();
  expect((await stored()).map(({ key }) => key)).toEqual(['k', 'K']);
});
