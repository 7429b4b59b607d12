// DATABASE_URL and VALKEY_URL: from the environment, or else from the files `database_url` and `valkey_url` in SECRETS_DIR.

import type { DatabaseAddress } from '../model/database-address.ts';
import { readPostgresUrl } from '../model/postgres-url.ts';
import { readSchemaSetting, readSecretsDirectory } from './environment.ts';
import { createSecrets } from './secrets.ts';
import { StartError } from './start-error.ts';

type Environment = Record<string, string | undefined>;

const names = ['DATABASE_URL', 'VALKEY_URL'] as const;

/** The environment with those URLs in it that there are, and what is wrong with a file that cannot be used. */
export async function findServerUrls(
  given: Environment = process.env,
  wanted: readonly (typeof names)[number][] = names,
): Promise<{ environment: Environment; problems: string[] }> {
  const secrets = createSecrets({ directory: readSecretsDirectory(given), warn() {}, environment: {} });
  const environment = { ...given };
  const problems: string[] = [];
  for (const name of wanted) {
    if (environment[name]) continue;
    const secret = name.toLowerCase();
    const found = await secrets.resolve(secret);
    if ('value' in found) environment[name] = found.value;
    else if (!found.missing) problems.push(`${name} cannot be read from the secret ${secret}: ${found.problem}`);
  }
  return { environment, problems };
}

/** The environment with those URLs in it that there are. Throws a StartError for a file that cannot be used. */
export async function withServerUrls(given: Environment, wanted = names.slice()): Promise<Environment> {
  const { environment, problems } = await findServerUrls(given, wanted);
  if (problems.length > 0) throw new StartError(...problems);
  return environment;
}

/**
 * What `tidings migrate` needs: DATABASE_URL, and DATABASE_SCHEMA where it is set. Throws a StartError when the URL is
 * missing, or one is wrong; the URL is not repeated.
 */
export async function readDatabaseAddress(
  environment: Environment = process.env,
): Promise<DatabaseAddress & { schema: string }> {
  const { DATABASE_URL: url } = await withServerUrls(environment, ['DATABASE_URL']);
  if (!url) {
    throw new StartError(
      'DATABASE_URL must be set to the database that migrate is to change, or be in the file database_url in SECRETS_DIR.',
    );
  }
  const read = readPostgresUrl(url);
  const schema = readSchemaSetting(environment);
  const problems = [
    ...('problem' in read ? [`DATABASE_URL ${read.problem}`] : []),
    ...('problems' in schema ? schema.problems : []),
  ];
  if ('problems' in schema || problems.length > 0) throw new StartError(...problems);
  return { url, ...schema.settings };
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
