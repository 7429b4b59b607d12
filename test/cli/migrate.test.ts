// `tidings migrate`: needs its URL alone, says what it ran, and does nothing twice.

import { randomBytes } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { pendingMigrations } from '../../src/model/migrations.ts';
import { administer } from '../support/administer.ts';
import { runTidings } from '../support/run-tidings.ts';

const superuser = expect.stringMatching(/^warning: the role postgres [^\n]*superuser[^\n]*\n$/);

test('it runs what is pending, prints it, and exits 0 also when there is nothing', async () => {
  await using database = await openEmptyDatabase();
  const pending = await pendingMigrations(database);
  expect(pending).toContain('0001-first-tables');
  const environment = { DATABASE_URL: database.url, PORT: 'not for migrate' };
  expect(await runTidings(['migrate'], { environment })).toEqual({
    status: 0,
    stdout: pending.map((name) => `migrated: ${name}\n`).join(''),
    stderr: superuser,
  });
  expect(await pendingMigrations(database)).toEqual([]);
  expect(await runTidings(['migrate'], { environment })).toEqual({
    status: 0,
    stdout: 'nothing to migrate\n',
    stderr: superuser,
  });
  expect(await runTidings(['migrate', '--json'], { environment })).toMatchObject({ status: 0, stdout: '[]\n' });
});

test('a role of its own, which is no superuser, is warned of nothing', async () => {
  await using database = await openEmptyDatabase();
  const role = `migrates_${randomBytes(6).toString('hex')}`;
  await administer(
    database.url,
    `create role ${role} login password 'any'`,
    `grant create on database migrate_from_nothing to ${role}`,
  );
  try {
    const url = withChanges({ username: role, password: 'any', pathname: '/migrate_from_nothing' });
    const { stderr } = await runTidings(['migrate'], { environment: { DATABASE_URL: url } });
    expect(stderr).toBe('');
  } finally {
    await administer(database.url, `drop owned by ${role} cascade`, `drop role ${role}`);
  }
});

test.for([
  { what: 'no DATABASE_URL', url: '', says: /^DATABASE_URL must be set [^\n]*\n$/ },
  { what: 'a URL of another kind', url: 'mysql://u:hush@h/d', says: /^DATABASE_URL must be a Postgres URL [^\n]*\n$/ },
  { what: 'a server that is not there', url: 'postgres://u:hush@127.0.0.1:1/d', says: /^[^\n]*ECONNREFUSED[^\n]*\n$/ },
  {
    what: 'an unknown parameter',
    url: 'postgres://u:hush@h/d?schema=x',
    says: /^DATABASE_URL is wrong: [^\n]*"schema"[^\n]*\n$/,
  },
  {
    what: 'a wrong password',
    url: { username: 'postgres', password: 'hush' },
    says: /^DATABASE_URL: Postgres at 127\.0\.0\.1:\d+ refused user "postgres": password authentication failed\n$/,
  },
  {
    what: 'a database that does not exist',
    url: { pathname: '/no_such' },
    says: /^DATABASE_URL: Postgres at \S+ refused user "postgres": database "no_such" does not exist\n$/,
  },
])('$what is one line on stderr without the password, and exit status 1', async ({ url, says }) => {
  const given = typeof url === 'string' ? url : withChanges(url);
  const { status, stdout, stderr } = await runTidings(['migrate'], { environment: { DATABASE_URL: given } });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain('hush');
});

test('DATABASE_SCHEMA says where, and a name that no schema may have is one line, beside one for a wrong URL', async () => {
  await using database = await openEmptyDatabase();
  const environment = { DATABASE_URL: database.url, DATABASE_SCHEMA: 'order' };
  expect(await runTidings(['migrate'], { environment })).toMatchObject({
    status: 0,
    // The servers of the tests know no other role.
    stderr: expect.stringMatching(/^warning: the role postgres owns [^\n]* is a superuser[^\n]*\n$/),
  });
  expect(await pendingMigrations({ ...database, schema: 'order' })).toEqual([]);
  expect(await pendingMigrations(database)).not.toEqual([]);
  expect(await runTidings(['migrate'], { environment: { DATABASE_URL: 'x', DATABASE_SCHEMA: 'pg_x' } })).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^DATABASE_URL must be [^\n]*\nDATABASE_SCHEMA must be [^\n]*, not "pg_x"\n$/),
  });
});

/** The URL of the shared database with other parts. */
function withChanges(parts: Partial<URL>): string {
  const url = new URL(inject('postgresUrl'));
  Object.assign(url, parts);
  return url.href;
}

async function openEmptyDatabase(): Promise<AsyncDisposable & { url: string }> {
  const url = new URL(inject('postgresUrl'));
  url.pathname = '/migrate_from_nothing';
  await administer(inject('postgresUrl'), 'create database migrate_from_nothing');
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await administer(inject('postgresUrl'), 'drop database migrate_from_nothing with (force)');
    },
  };
}
