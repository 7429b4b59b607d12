// The connections for what is only read: lists, searches and counts, which can take long and may not hold up a change.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { DatabaseAddress } from './database-address.ts';
import { openOrm } from './orm.ts';

/** As long as a person waits. What takes longer is asked for too widely. */
export const readWithinMs = 2_000;

/** So many at once; the others wait. Changes have connections of their own, so a sign-in and a publish wait for no list. */
const connections = 4;

/** SQLSTATE query_canceled, of a statement that took longer. */
const queryCanceled = '57014';

export function openReads(database: DatabaseAddress): MikroORM {
  return openOrm({ ...database, connections, name: 'tidings-reads', statementMs: readWithinMs });
}

/** Whether Postgres ended a statement for the time it took. */
export function tookTooLong(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === queryCanceled;
}
