// Several installations in one database, each in its schema.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { migrate, pendingMigrations } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { administer } from '../support/administer.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

type Named = { name: string }[];

async function relationsIn(url: string, schema: string): Promise<string[]> {
  const rows = await administer(
    url,
    `select relname as name from pg_class where relnamespace = to_regnamespace('"${schema}"')
      and relkind in ('r', 'p', 'S', 'i', 'I') order by relname`,
  );
  return (rows as Named).map(({ name }) => name);
}

/** Each grant ends where the role's name belongs. */
async function openRole(url: string, ...grants: string[]) {
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  await administer(url, `create role ${role} login password 'hush-hush'`, ...grants.map((grant) => `${grant} ${role}`));
  const own = new URL(url);
  Object.assign(own, { username: role, password: 'hush-hush' });
  return {
    url: own.href,
    async [Symbol.asyncDispose]() {
      await administer(url, `drop owned by ${role} cascade`, `drop role ${role}`);
    },
  };
}

test('installations are migrated at once, and the end of one takes nothing from the others', async () => {
  await using database = await openDatabase({ empty: true });
  const { url } = database;
  const schemas = ['user', '_2', 'tidings', 's'.repeat(63)];
  const expected = await pendingMigrations({ url });
  const ran = await Promise.all(schemas.map((schema) => migrate({ url, schema })));
  expect(ran).toEqual(schemas.map(() => expected));
  const [first, ...others] = await Promise.all(schemas.map((schema) => relationsIn(url, schema)));
  expect(first).toEqual(expect.arrayContaining(['tidings_migrations', 'users', 'users_search_text', 'webhook_outbox']));
  for (const relations of others) expect(relations).toEqual(first);
  expect(await relationsIn(url, 'public')).toEqual([]);

  await administer(url, `drop schema "user" cascade`);
  expect(await pendingMigrations({ url, schema: 'user' })).toEqual(expected);
  expect(await pendingMigrations({ url, schema: '_2' })).toEqual([]);
  expect(await relationsIn(url, '_2')).toEqual(first);
  expect(await migrate({ url, schema: 'user' })).toEqual(expected);
  expect(await relationsIn(url, 'user')).toEqual(first);
});

test('a migration that waits holds up a second one of its own schema, and of no other', async () => {
  await using database = await openDatabase({ empty: true });
  const { url } = database;
  const slow = { url, schema: 'slow' };
  await using opened = new AsyncDisposableStack();
  // Its transaction may wait, however busy the machine is.
  const orm = openOrm({ url, connections: 1, name: 'schemas-test', statementMs: null });
  opened.defer(() => orm.close(true));
  const em = orm.em.fork();
  await em.begin();
  await em.execute('create schema slow');
  const started = [migrate(slow), migrate(slow)];
  const waiting = `select locktype as name from pg_locks join pg_stat_activity using (pid)
    where not granted and datname = current_database() order by 1`;
  await eventually(async () => {
    // Within a transaction pg_stat_activity stays as it was when it was first read.
    await em.execute('select pg_stat_clear_snapshot()');
    return (await em.execute<Named>(waiting)).map(({ name }) => name).join() === 'advisory,transactionid';
  });
  expect(await migrate({ url, schema: 'quick' })).toContain('0001-first-tables');
  await em.rollback();
  expect((await Promise.all(started)).flat()).toEqual(await pendingMigrations({ url, schema: 'none' }));
});

test('a schema that somebody made for a role is enough for it: it need not be allowed to make any', async () => {
  await using database = await openDatabase({ empty: true });
  const { url } = database;
  await administer(url, 'create schema shared', 'create extension pg_trgm');
  await using owner = await openRole(url, 'create schema owned authorization');
  await using guest = await openRole(url, 'grant usage, create on schema shared to');
  expect(await migrate({ url: owner.url, schema: 'owned' })).toContain('0001-first-tables');
  expect(await migrate({ url: guest.url, schema: 'shared' })).toContain('0001-first-tables');
  expect(await relationsIn(url, 'owned')).toContain('users_search_text');
  expect(await relationsIn(url, 'shared')).toContain('users_search_text');
});

test('a role that may not make a schema, or nothing in it, is refused in Postgres’s words', async () => {
  await using database = await openDatabase({ empty: true });
  const { url } = database;
  await administer(url, 'create schema shared');
  await using guest = await openRole(url, 'grant usage on schema shared to');
  await expect(migrate({ url: guest.url })).rejects.toMatchObject({
    code: '42501',
    message: expect.stringMatching(/^permission denied for database/),
  });
  await expect(migrate({ url: guest.url, schema: 'shared' })).rejects.toMatchObject({
    code: '42501',
    message: 'permission denied for schema shared',
  });
});

test('a schema in which somebody else has a table of such a name is refused, and stays as it is', async () => {
  await using database = await openDatabase({ empty: true });
  const { url } = database;
  await administer(url, 'create schema app', 'create table app.orders ()', 'create table app.users ()');
  await expect(migrate({ url, schema: 'app' })).rejects.toThrow(
    'the schema app holds a table users that is not of Tidings: let DATABASE_SCHEMA name another schema',
  );
  expect(await relationsIn(url, 'app')).toEqual(['orders', 'users']);
});

test('tables of other names beside them stay as they are, in public too', async () => {
  await using database = await openDatabase({ empty: true });
  const { url } = database;
  await administer(url, 'create table public.orders ()');
  expect(await migrate({ url, schema: 'public' })).toContain('0001-first-tables');
  expect(await migrate({ url, schema: 'public' })).toEqual([]);
  expect(await relationsIn(url, 'public')).toEqual(expect.arrayContaining(['orders', 'users']));
});
