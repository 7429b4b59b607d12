import { inject, onTestFinished, test, expect } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { durabilityWarnings, warningsOf } from '../../src/operations/durability.ts';
import { administer } from '../support/administer.ts';
import { openPostgresServer } from '../support/postgres-server.ts';
import { openRestorablePostgres } from '../support/restorable-postgres.ts';
import { openStage } from '../support/stage.ts';

/** What is said of the database at this URL, on a new connection. */
async function warnings(url: string): Promise<string[]> {
  const orm = openOrm({ url, connections: 1, name: 'durability-test' });
  onTestFinished(() => orm.close(true));
  return await durabilityWarnings(orm);
}

test('our own Postgres keeps what it acknowledged, also where a database is set not to wait for its disk', async () => {
  await using server = await openPostgresServer();
  expect(await warnings(server.url)).toEqual([]);
  await administer(server.url, 'alter database postgres set synchronous_commit = off');
  expect(await warnings(server.url)).toEqual([]);
});

test('a start on an unsafe Postgres warns, and says where that is set', async () => {
  await using server = await openRestorablePostgres();
  await using stage = await openStage({ database: server, environment: { VALKEY_URL: inject('valkeyUrl') } });
  await stage.place.configure([]);
  const { lines } = await stage.start();
  expect(lines.filter(({ msg }) => msg.startsWith('Postgres has '))).toMatchObject([
    {
      level: 'warn',
      msg: expect.stringMatching(/^Postgres has fsync = off \(set by: command line\): .* set it to on there$/),
    },
  ]);
});

test.each([
  ['keeps what it acknowledged', { fsync: 'on', full_page_writes: 'on' }, 0],
  ['may read half a page after a loss of power', { fsync: 'on', full_page_writes: 'off' }, 1],
  ['waits for nothing', { fsync: 'off', full_page_writes: 'off' }, 2],
])('a server that %s', (_, given, count) => {
  const settings = Object.entries(given).map(([name, setting]) => ({ name, setting, source: 'user' }));
  expect(warningsOf(settings)).toHaveLength(count);
});
