// Statements for a whole server, which Postgres runs outside of any transaction: databases made and dropped, settings.

import { openOrm } from '../../src/model/orm.ts';

/** The rows of the last one. */
export async function administer(url: string, ...statements: string[]): Promise<object[]> {
  // Without what a transaction of ours sets for itself, which would make each statement part of one.
  const orm = openOrm(
    { url, connections: 1, name: 'test-admin' },
    { driverOptions: { application_name: 'test-admin' } },
  );
  try {
    let rows: object[] = [];
    for (const statement of statements) rows = await orm.em.getConnection().execute<object[]>(statement);
    return rows;
  } finally {
    await orm.close(true);
  }
}
