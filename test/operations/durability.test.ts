import { inject, onTestFinished, test, expect } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { durabilityWarnings, warningsOf } from '../../src/operations/durability.ts';
import { openPostgresServer } from '../support/postgres-server.ts';
import { openRestorablePostgres } from '../support/restorable-postgres.ts';
import { openStage } from '../support/stage.ts';

/** What is said of the database at this URL, on a new connection. */
async function warnings(url: string): Promise<string[]> {
  const orm = openOrm({ url, connections: 1, name: 'durability-test' });
  onTestFinished(() => orm.close(true));
  return await durabilityWarnings(orm);
}

test('our own Postgres keeps what it acknowledged; a start on an unsafe one warns, and says where that is set', async () => {
  await using server = await openPostgresServer();
  expect(await warnings(server.url)).toEqual([]);
  const admin = openOrm({ url: server.url, connections: 1, name: 'test-admin' });
  await admin.em.fork().execute('alter database postgres set synchronous_commit = off');
  await admin.close(true);
  await using stage = await openStage({ database: server, environment: { VALKEY_URL: inject('valkeyUrl') } });
  await stage.place.configure([]);
  const { lines } = await stage.start();
  expect(lines.filter(({ msg }) => msg.startsWith('Postgres has '))).toMatchObject([
    {
      level: 'warn',
      msg: expect.stringMatching(/^Postgres has synchronous_commit = off \(set by: database\): .* set it to on there$/),
    },
  ]);
});

test('a server that does not wait for its disk causes a warning', async () => {
  await using server = await openRestorablePostgres();
  expect(await warnings(server.url)).toEqual([
    expect.stringMatching(/^Postgres has fsync = off \(set by: command line\): /),
  ]);
});

const sound = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', synchronous_standby_names: '' };

test.each([
  ['waits for a standby as well', { synchronous_commit: 'remote_apply', synchronous_standby_names: 'one' }, 0],
  ['waits for its disk, and there is no standby', { synchronous_commit: 'local' }, 0],
  ['waits for its disk and not for its standby', { synchronous_commit: 'local', synchronous_standby_names: '*' }, 1],
  ['may read half a page after a loss of power', { full_page_writes: 'off' }, 1],
  ['waits for nothing', { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }, 3],
])('a server that %s', (_, given, count) => {
  const settings = Object.entries({ ...sound, ...given }).map(([name, setting]) => ({ name, setting, source: 'user' }));
  expect(warningsOf(settings)).toHaveLength(count);
});
