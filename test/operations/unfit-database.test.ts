// Databases that cannot be used are refused by a sentence, at migrate and at a start, before anything is changed.

import { randomUUID } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { migrate, pendingMigrations } from '../../src/model/migrations.ts';
import { prepareDatabase } from '../../src/operations/database.ts';
import { StartError } from '../../src/settings/start-error.ts';
import { administer } from '../support/administer.ts';
import { openSomebodyElsesDatabase } from '../support/somebody-elses-database.ts';

const log = { warn() {} };

async function openWith(options: string, after: (name: string) => string[] = () => []) {
  const server = inject('postgresUrl');
  const name = `unfit_${randomUUID().replaceAll('-', '')}`;
  await administer(server, `create database ${name} template template0 ${options}`, ...after(name));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await administer(server, `drop database ${name} with (force)`);
    },
  };
}

const inC = (encoding: string) => `encoding '${encoding}' locale_provider 'libc' locale 'C'`;

test.each([
  ['holds bytes of no encoding', inC('SQL_ASCII'), [], /has the encoding SQL_ASCII, .* encoding 'UTF8'/],
  ['cannot hold every text', inC('LATIN1'), [], /has the encoding LATIN1, /],
  ['holds no text of ours', inC('EUC_JP'), [], /has the encoding EUC_JP, /],
  ['takes no changes', '', ['default_transaction_read_only = on'], /takes no changes: .*default_transaction_read_only/],
] as const)('a database that %s', async (_, options, settings, says) => {
  await using database = await openWith(options, (name) => settings.map((one) => `alter database ${name} set ${one}`));
  await expect(migrate(database)).rejects.toThrow(says);
  for (const isOurs of [false, true]) {
    const error = await prepareDatabase({ url: database.url, isOurs, log }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).lines).toEqual([expect.stringMatching(says)]);
    expect((error as StartError).lines.join()).toContain(database.name);
  }
  expect(await administer(database.url, `select 1 from pg_namespace where nspname = 'tidings'`)).toEqual([]);
});

test('a database whose search path begins at tables of our names is migrated once, and ready at each start', async () => {
  await using database = await openSomebodyElsesDatabase(inject('postgresUrl'));
  const { url } = database;
  const pending = await pendingMigrations({ url });
  expect(pending).toContain('0001-first-tables');
  expect(await migrate({ url })).toEqual(pending);
  expect(await migrate({ url })).toEqual([]);
  for (let starts = 0; starts < 2; starts += 1) await prepareDatabase({ url, isOurs: false, log });
  const made = await administer(
    database.url,
    `select distinct schemaname as name from pg_tables where tablename like 'webhook_configurations%' or tablename = 'oauth_accounts'`,
  );
  expect(made).toEqual([{ name: 'tidings' }]);
});

test.each([
  ['has a schema of its own, which comes before public', () => []],
  ['has a search path of its own', (role: string) => [`alter role ${role} set search_path = pg_catalog, ${role}`]],
  ['has a search path that leads nowhere', (role: string) => [`alter role ${role} set search_path = ''`]],
])('a role that %s migrates once, and is ready at each start', async (_, more: (role: string) => string[]) => {
  const server = inject('postgresUrl');
  await using database = await openWith('');
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  await administer(
    database.url,
    `create role ${role} login password 'secret'`,
    `grant create on database ${database.name} to ${role}`,
    `create schema ${role} authorization ${role}`,
    `create table ${role}.users (nonsense integer)`,
    ...more(role),
  );
  const url = new URL(database.url);
  Object.assign(url, { username: role, password: 'secret' });
  try {
    expect(await migrate({ url: url.href })).toContain('0001-first-tables');
    expect(await migrate({ url: url.href })).toEqual([]);
    for (let starts = 0; starts < 2; starts += 1) await prepareDatabase({ url: url.href, isOurs: false, log });
  } finally {
    await administer(database.url, `drop owned by ${role} cascade`);
    await administer(server, `revoke create on database ${database.name} from ${role}`, `drop role ${role}`);
  }
});
