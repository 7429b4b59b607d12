// Several installations in one database, each in its schema.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { migrate, pendingMigrations } from '../../src/model/migrations.ts';
import { administer } from '../support/administer.ts';
import { openDatabase } from '../support/database.ts';

type Named = { name: string }[];

async function relationsIn(url: string, schema: string): Promise<string[]> {
  const rows = await administer(
    url,
    `select relname as name from pg_class where relnamespace = to_regnamespace('"${schema}"') and relkind in ('r', 'p', 'S', 'i', 'I') order by 1`,
  );
  return (rows as Named).map(({ name }) => name);
}

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
  const made = await Promise.all(schemas.map((schema) => relationsIn(url, schema)));
  expect(made[0]).toContain('users_search_text');
  expect(made[0]).toContain('tidings_migrations');
  for (const relations of made) expect(relations).toEqual(made[0]);
  expect(await relationsIn(url, 'public')).toEqual([]);
  await administer(url, `drop schema "user" cascade`);
  expect(await pendingMigrations({ url, schema: 'user' })).toEqual(expected);
  expect(await pendingMigrations({ url, schema: '_2' })).toEqual([]);
  expect(await relationsIn(url, '_2')).toEqual(made[0]);
  expect(await migrate({ url, schema: 'user' })).toEqual(expected);
});

test('probe', async () => {
  await using database = await openDatabase({ empty: true });
  const { url } = database;
  const name = new URL(url).pathname.slice(1);
  await using none = await openRole(url);
  console.log('none', await migrate(none).catch((e) => [e.code, e.message, e.severity]));
  await using creator = await openRole(url, `grant create on database ${name} to`);
  console.log('creator', await migrate({ ...creator, schema: 'creator' }).catch((e) => [e.code, e.message]));
  console.log(
    await relationsIn(url, 'creator'),
    await administer(url, `select extname, extnamespace::regnamespace::text from pg_extension`),
  );
  await using owner = await openRole(url, 'create schema owned authorization');
  console.log('owner', await migrate({ ...owner, schema: 'owned' }).catch((e) => [e.code, e.message]));
  console.log((await relationsIn(url, 'owned')).length);
  await administer(url, 'create schema guarded');
  await using guest = await openRole(url, 'grant usage on schema guarded to');
  console.log('guest', await migrate({ ...guest, schema: 'guarded' }).catch((e) => [e.code, e.message]));
  await using writer = await openRole(url, 'grant usage, create on schema guarded to');
  console.log('writer', await migrate({ ...writer, schema: 'guarded' }).catch((e) => [e.code, e.message]));
  await administer(url, 'create schema taken', 'create table taken.users ()');
  console.log(
    'taken',
    await migrate({ url, schema: 'taken' }).catch((e) => [e.code, e.message.slice(0, 2000), e.severity]),
  );
  console.log(await relationsIn(url, 'taken'));
  console.log('public', await migrate({ url, schema: 'public' }).catch((e) => [e.code, e.message]));
});
