// A database of a test's own, cloned from the migrated template or empty, and dropped afterwards.

import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';

export type TestDatabase = AsyncDisposable & { url: string };

export async function openDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const template = empty ? 'template0' : inject('templateDatabase');
  // By the log, which waits for no checkpoint, as a copy of files would.
  await administer(`create database ${name} template ${template} strategy wal_log`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => administer(`drop database ${name} with (force)`),
  };
}

async function administer(statement: string): Promise<void> {
  const orm = openOrm({ url: inject('postgresUrl'), connections: 1, name: 'test-admin' });
  try {
    await orm.em.getConnection().execute(statement);
  } finally {
    await orm.close(true);
  }
}
