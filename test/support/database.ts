// A database of a test's own, cloned from the migrated template or empty, and dropped afterwards.

import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { administer } from './administer.ts';

export type TestDatabase = AsyncDisposable & { url: string };

export async function openDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const template = empty ? 'template0' : inject('templateDatabase');
  // By the log, which waits for no checkpoint, as a copy of files would.
  await administer(inject('postgresUrl'), `create database ${name} template ${template} strategy wal_log`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await administer(inject('postgresUrl'), `drop database ${name} with (force)`);
    },
  };
}
