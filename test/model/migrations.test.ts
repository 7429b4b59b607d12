// Migrations change the database that the URL leads to, and make none.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, inject, onTestFinished, test } from 'vitest';
import { migrate, pendingMigrations } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { openDatabase } from '../support/database.ts';

/** A server that knows the database as `alias`, as a pooler may. */
async function openAlias(url: string): Promise<string> {
  const target = new URL(url);
  const alias = new URL(url);
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.once('data', (startup) => {
      upstream.write(renamed(startup, target.pathname.slice(1)));
      client.pipe(upstream).pipe(client);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  alias.port = String((server.address() as AddressInfo).port);
  alias.pathname = '/alias';
  return alias.href;
}

/** The startup message with another database in it: its length, then the version, names and values, each ended by a zero. */
function renamed(startup: Buffer, database: string): Buffer {
  const text = startup.subarray(4).toString('latin1').replace('database\0alias\0', `database\0${database}\0`);
  const message = Buffer.from(`\0\0\0\0${text}`, 'latin1');
  message.writeInt32BE(message.length);
  return message;
}

async function databases(): Promise<string[]> {
  const orm = openOrm({ url: inject('postgresUrl'), connections: 1, name: 'test-admin' });
  try {
    const rows = await orm.em.fork().execute<{ name: string }[]>('select datname as name from pg_database');
    return rows.map(({ name }) => name);
  } finally {
    await orm.close(true);
  }
}

test('behind a pooler that knows the database by another name it is migrated, and none of that name is made', async () => {
  await using database = await openDatabase({ empty: true });
  const alias = await openAlias(database.url);
  const ran = await migrate({ url: alias });
  expect(ran).toContain('0001-first-tables');
  expect(await migrate({ url: alias })).toEqual([]);
  expect(await pendingMigrations({ url: alias })).toEqual([]);
  expect(await pendingMigrations(database)).toEqual([]);
  expect(await databases()).not.toContain('alias');
});

test('a database that does not exist is not made, neither by a look at it nor by migrations', async () => {
  const url = new URL(inject('postgresUrl'));
  url.pathname = '/no_such_database';
  await expect(pendingMigrations({ url: url.href })).rejects.toMatchObject({ code: '3D000' });
  await expect(migrate({ url: url.href })).rejects.toMatchObject({ code: '3D000' });
  expect(await databases()).not.toContain('no_such_database');
});

test('a look at a database that lacks every table makes none', async () => {
  await using database = await openDatabase({ empty: true });
  expect(await pendingMigrations(database)).toContain('0001-first-tables');
  const orm = openOrm({ url: database.url, connections: 1, name: 'test' });
  expect(await orm.em.fork().execute(`select 1 from pg_tables where schemaname = 'tidings'`)).toEqual([]);
  await orm.close(true);
});
