// A database that the next version has expanded: this version starts on it, keeps running on it, and changes nothing.

import { expect, test } from 'vitest';
import { migrate, missingMigrations, pendingMigrations } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { prepareDatabase } from '../../src/operations/database.ts';
import { openDatabase } from '../support/database.ts';

test('a version starts and goes on beside the next one, whose migration only added', async () => {
  await using database = await openDatabase();
  const { url } = database;
  const orm = openOrm({ url, connections: 1, name: 'test' });
  try {
    const connection = orm.em.getConnection();
    await connection.execute('alter table webhook_events add column of_the_next_version text');
    await connection.execute('create table table_of_the_next_version (id bigint primary key)');
    await connection.execute(`insert into tidings_migrations (name) values ('9999-next-version')`);
    await prepareDatabase({ url, isOurs: false, log: { warn() {} } });
    expect(await pendingMigrations({ url })).toEqual([]);
    expect(await missingMigrations(orm)).toEqual([]);
    expect(await migrate({ url })).toEqual([]);
    expect(await connection.execute('select count(*)::int as rows from table_of_the_next_version')).toEqual([
      { rows: 0 },
    ]);
  } finally {
    await orm.close(true);
  }
});
