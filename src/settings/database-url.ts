// The one setting that `tidings migrate` needs.

import { parsePostgresUrl } from './addresses.ts';
import { StartError } from './start-error.ts';

/** DATABASE_URL, checked. Throws a StartError when it is missing or no Postgres URL; its value is not repeated. */
export function readDatabaseUrl(environment: Record<string, string | undefined> = process.env): string {
  const value = environment['DATABASE_URL'];
  if (!value) throw new StartError('DATABASE_URL must be set to the database that migrate is to change.');
  const url = parsePostgresUrl(value);
  if (url === null) {
    throw new StartError('DATABASE_URL must be a Postgres URL such as postgres://user:password@host:5432/database.');
  }
  return url;
}
