// Two installations in one database change their partitions without waiting for each other.

import { expect, test } from 'vitest';
import { migrate } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { alone } from '../../src/operations/short-locks.ts';
import { openDatabase } from '../support/database.ts';

test('a partition that is being added or dropped keeps others of its own schema away, and of no other', async () => {
  await using database = await openDatabase();
  const other = { url: database.url, schema: 'other' };
  await migrate(other);
  await using opened = new AsyncDisposableStack();
  const [first, second, apart] = [database, database, other].map((address) => {
    const orm = openOrm({ ...address, connections: 1, name: 'two-schemas-test' });
    opened.defer(() => orm.close(true));
    return orm;
  }) as [ReturnType<typeof openOrm>, ReturnType<typeof openOrm>, ReturnType<typeof openOrm>];
  const [entered, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const busy = alone(first, async () => {
    entered.resolve();
    await left.promise;
  });
  await entered.promise;
  const done = () => Promise.resolve('done');
  expect([await alone(second, done), await alone(apart, done)]).toEqual([null, 'done']);
  left.resolve();
  await busy;
  expect(await alone(second, done)).toBe('done');
});
