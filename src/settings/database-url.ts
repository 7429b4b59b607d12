// DATABASE_URL: from the environment, or else from the file `database_url` in SECRETS_DIR.

import { readPostgresUrl } from '../model/postgres-url.ts';
import { readSecretsDirectory } from './environment.ts';
import { createSecrets } from './secrets.ts';
import { StartError } from './start-error.ts';

type Environment = Record<string, string | undefined>;

/** The environment with DATABASE_URL in it if there is one, and what is wrong with the file if it cannot be used. */
export async function findDatabaseUrl(
  environment: Environment = process.env,
): Promise<{ environment: Environment; problems: string[] }> {
  if (environment['DATABASE_URL']) return { environment, problems: [] };
  const directory = readSecretsDirectory(environment);
  const found = await createSecrets({ directory, warn() {}, environment: {} }).resolve('database_url');
  if ('value' in found) return { environment: { ...environment, DATABASE_URL: found.value }, problems: [] };
  if (found.missing) return { environment, problems: [] };
  return { environment, problems: [`DATABASE_URL cannot be read from the secret database_url: ${found.problem}`] };
}

/** The environment with DATABASE_URL in it if there is one. Throws a StartError for a file that cannot be used. */
export async function withDatabaseUrl(given: Environment): Promise<Environment> {
  const { environment, problems } = await findDatabaseUrl(given);
  if (problems.length > 0) throw new StartError(...problems);
  return environment;
}

/** The one setting that `tidings migrate` needs. Throws a StartError when it is missing or wrong; its value is not repeated. */
export async function readDatabaseUrl(environment: Environment = process.env): Promise<string> {
  const { DATABASE_URL: url } = await withDatabaseUrl(environment);
  if (!url) {
    throw new StartError(
      'DATABASE_URL must be set to the database that migrate is to change, or be in the file database_url in SECRETS_DIR.',
    );
  }
  const read = readPostgresUrl(url);
  if ('problem' in read) throw new StartError(`DATABASE_URL ${read.problem}`);
  return url;
}

/** What may not be as the operator meant it. The URL must be a right one. */
export function databaseUrlWarning(url: string): string | null {
  const read = readPostgresUrl(url);
  if ('problem' in read) return null;
  const { host, sslMode, tls } = read.address;
  if (sslMode !== 'require' || tls.rootCert !== null || host.startsWith('/')) return null;
  return (
    'DATABASE_URL has sslmode=require without sslrootcert: the connection is encrypted, but anybody may answer as the ' +
    'server. To have its certificate checked, use sslmode=verify-full, with sslrootcert for an authority of your own.'
  );
}
