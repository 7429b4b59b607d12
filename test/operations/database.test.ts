import { afterEach, expect, test, vi } from 'vitest';
import { pendingMigrations } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { prepareDatabase } from '../../src/operations/database.ts';
import { StartError } from '../../src/settings/start-error.ts';
import { openDatabase } from '../support/database.ts';

afterEach(() => void vi.useRealTimers());

test('a database of our own gets its tables, two starts at once or not', async () => {
  await using database = await openDatabase({ empty: true });
  await Promise.all([1, 2].map(() => prepareDatabase({ url: database.url, isOurs: true })));
  expect(await pendingMigrations(database.url)).toEqual([]);
});

test('a database that was given is not changed: what it lacks is reported, with the command', async () => {
  await using database = await openDatabase({ empty: true });
  const error = await prepareDatabase({ url: database.url, isOurs: false }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).lines.join()).toMatch(/0001-first-tables.*tidings migrate/);
  const orm = openOrm({ url: database.url, connections: 1, name: 'test' });
  expect(await orm.em.getConnection().execute(`select to_regclass('users')::text as name`)).toEqual([{ name: null }]);
  await orm.close(true);
});

test('a database that has every table is left alone', async () => {
  await using database = await openDatabase();
  await prepareDatabase({ url: database.url, isOurs: false });
});

test('a database that stays away is reported in one line after 30 s, without its password', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const startedAt = performance.now();
  const preparing = prepareDatabase({ url: 'postgres://somebody:hidden@127.0.0.1:1/nothing', isOurs: false });
  const outcome = preparing.then(
    () => 'prepared',
    (error: unknown) => error,
  );
  await new Promise((resolve) => setImmediate(resolve));
  vi.advanceTimersByTime(30_001);
  const error = (await outcome) as StartError;
  expect(performance.now() - startedAt).toBeGreaterThan(30_000);
  expect(error).toBeInstanceOf(StartError);
  expect(error.lines).toEqual([expect.stringMatching(/^DATABASE_URL: .*30 s.*ECONNREFUSED/)]);
  expect(error.lines.join()).not.toContain('hidden');
});
