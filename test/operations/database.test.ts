import { randomUUID } from 'node:crypto';
import { afterEach, expect, inject, test, vi } from 'vitest';
import { pendingMigrations } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { prepareDatabase } from '../../src/operations/database.ts';
import { StartError } from '../../src/settings/start-error.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const warnings: string[] = [];
const log = { warn: (message: string) => void warnings.push(message) };

afterEach(() => {
  vi.useRealTimers();
  warnings.length = 0;
});

test('a database of our own gets its tables, two starts at once or not', async () => {
  await using database = await openDatabase({ empty: true });
  await Promise.all([1, 2].map(() => prepareDatabase({ url: database.url, isOurs: true, log })));
  expect(await pendingMigrations(database)).toEqual([]);
});

test('a database that was given is not changed: what it lacks is reported, with the command', async () => {
  await using database = await openDatabase({ empty: true });
  const error = await prepareDatabase({ url: database.url, isOurs: false, log }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).lines.join()).toMatch(/0001-first-tables.*tidings migrate/);
  const orm = openOrm({ url: database.url, connections: 1, name: 'test' });
  expect(await orm.em.getConnection().execute(`select to_regclass('users')::text as name`)).toEqual([{ name: null }]);
  await orm.close(true);
});

test('a database that has every table is left alone', async () => {
  await using database = await openDatabase();
  await prepareDatabase({ url: database.url, isOurs: false, log });
});

test('a database that stays away is waited for, which is said at once, and reported in one line after 30 s, without its password', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const startedAt = performance.now();
  const preparing = prepareDatabase({ url: 'postgres://somebody:hidden@127.0.0.1:1/nothing', isOurs: false, log });
  const outcome = preparing.then(
    () => 'prepared',
    (error: unknown) => error,
  );
  await eventually(() => warnings.length > 0);
  expect(warnings).toEqual([
    'Postgres at 127.0.0.1:1 cannot be reached (ECONNREFUSED): waiting for it, for 30 s at most',
  ]);
  vi.advanceTimersByTime(30_001);
  const error = (await outcome) as StartError;
  expect(performance.now() - startedAt).toBeGreaterThan(30_000);
  expect(warnings).toHaveLength(1);
  expect(error).toBeInstanceOf(StartError);
  expect(error.lines).toEqual([expect.stringMatching(/^DATABASE_URL: .*30 s.*ECONNREFUSED/)]);
  expect(error.lines.join()).not.toContain('hidden');
});

test('a stop ends the wait for a database that stays away', async () => {
  const stop = new AbortController();
  const url = 'postgres://somebody:hidden@127.0.0.1:1/nothing';
  const outcome = prepareDatabase({ url, isOurs: false, log, stop: stop.signal }).catch((error: unknown) => error);
  await eventually(() => warnings.length > 0);
  stop.abort();
  expect(await outcome).toBe(stop.signal.reason);
});

/** A role of a test's own, and the URL of the shared database or another with it. */
async function openRole(options: string) {
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  const admin = openOrm({ url: inject('postgresUrl'), connections: 1, name: 'test-admin' });
  await admin.em.getConnection().execute(`create role ${role} ${options} password 'hush-hush'`);
  return {
    role,
    urlOf(at: string, { user = role, password = 'hush-hush', database = '' } = {}) {
      const url = new URL(at);
      Object.assign(url, { username: user, password });
      if (database) url.pathname = `/${database}`;
      return url.href;
    },
    async [Symbol.asyncDispose]() {
      await admin.em.getConnection().execute(`drop role ${role}`);
      await admin.close(true);
    },
  };
}

test('what waiting cannot mend ends the start at once, with Postgres’s own reason, and is no waiting', async () => {
  await using database = await openDatabase();
  await using user = await openRole('login');
  await using locked = await openRole('nologin');
  const { host } = new URL(database.url);
  const cases = [
    [{ password: 'wrong-wrong' }, `user "${user.role}": password authentication failed`],
    [{ user: 'nobody-here' }, 'user "nobody-here": password authentication failed'],
    [{ database: 'no_such' }, `user "${user.role}": database "no_such" does not exist`],
    [{ user: locked.role }, `user "${locked.role}": role "${locked.role}" is not permitted to log in`],
    [{}, `user "${user.role}": permission denied for schema tidings`],
  ] as const;
  for (const [change, reason] of cases) {
    const url = user.urlOf(database.url, change);
    const error = await prepareDatabase({ url, isOurs: false, log }).catch((caught: unknown) => caught);
    expect((error as StartError).lines).toEqual([`DATABASE_URL: Postgres at ${host} refused ${reason}`]);
  }
  const unasked = user.urlOf(database.url, { password: '' });
  await expect(prepareDatabase({ url: unasked, isOurs: false, log })).rejects.toThrow(
    /asks user .* and the URL has none$/,
  );
  expect(warnings).toEqual([]);
});

test('rights that are missing later are missing at the start: all at once, by table', async () => {
  await using database = await openDatabase();
  await using user = await openRole('login');
  await using opened = new AsyncDisposableStack();
  const admin = openOrm({ url: database.url, connections: 1, name: 'test-admin' });
  opened.defer(() => admin.close(true));
  opened.defer(async () => void (await admin.em.getConnection().execute(`drop owned by ${user.role} cascade`)));
  const url = user.urlOf(database.url);
  const made = await admin.em.fork().execute<{ name: string }[]>(
    `select relname as name from pg_class where relnamespace = 'tidings'::regnamespace and relkind in ('r', 'p')
     and not relispartition and relname <> 'tidings_migrations' order by relname`,
  );
  await admin.em.getConnection().execute(`grant usage on schema tidings to ${user.role}`);
  await admin.em.getConnection().execute(`grant select on tidings_migrations to ${user.role}`);
  const beside = [
    ...['SELECT on webhook_outbox_seq_seq', 'USAGE on webhook_generations'],
    ...['CREATE on schema "tidings"', 'ownership of webhook_log'],
  ].join(', ');
  const all = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
  await expect(prepareDatabase({ url, isOurs: false, log })).rejects.toThrow(
    `lacks the rights ${made.flatMap(({ name }) => all.map((right) => `${right} on ${name}`)).join(', ')}, ${beside}: grant them`,
  );
  await admin.em.getConnection().execute(`grant all on all tables in schema tidings to ${user.role}`);
  await expect(prepareDatabase({ url, isOurs: false, log })).rejects.toThrow(`lacks the rights ${beside}: grant them`);
  await admin.em.getConnection().execute(`grant select, usage on all sequences in schema tidings to ${user.role}`);
  await admin.em.getConnection().execute(`grant create on schema tidings to ${user.role}`);
  await admin.em.getConnection().execute(`alter table webhook_log owner to ${user.role}`);
  await prepareDatabase({ url, isOurs: false, log });
  await admin.em.getConnection().execute(`revoke delete on users from ${user.role}`);
  await admin.em.getConnection().execute(`revoke select, insert on webhook_events from ${user.role}`);
  await expect(prepareDatabase({ url, isOurs: false, log })).rejects.toThrow(
    `DATABASE_URL: user "${user.role}" lacks the rights DELETE on users, SELECT on webhook_events, INSERT on webhook_events: grant them`,
  );
});
