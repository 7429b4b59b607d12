// A database of a test's own, cloned from the migrated template or empty, and dropped afterwards.

import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { administer } from './administer.ts';

export type TestDatabase = AsyncDisposable & { url: string };

/** `locale: 'C'`: as in many a database that somebody has already, it knows no letter beyond ASCII. */
export async function openDatabase({
  empty = false,
  locale,
}: { empty?: boolean; locale?: 'C' } = {}): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const template = empty ? 'template0' : inject('templateDatabase');
  // By the log, which waits for no checkpoint, as a copy of files would.
  const letters = locale === undefined ? '' : ` locale_provider libc locale '${locale}'`;
  const statement = `create database ${name} template ${template} strategy wal_log${letters}`;
  await administer(inject('postgresUrl'), statement);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await administer(inject('postgresUrl'), `drop database ${name} with (force)`);
    },
  };
}
