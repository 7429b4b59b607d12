// The endpoints that a row delivers to: their names and secrets, and the configuration that says so.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type BenchEndpoint = {
  id: string;
  /** The one type of event it subscribes to. */
  type: string;
  /** The path of its URL at the receiver. */
  path: string;
  secret: string;
};

/**
 * The same names and secrets in every run: what is compared with an earlier day is the same work. Each subscribes to a
 * type of its own, or all to one.
 */
export function makeEndpoints(
  count: number,
  { all = null, prefix = 'e' }: { all?: string | null; prefix?: string } = {},
): BenchEndpoint[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `${prefix}${String(index).padStart(5, '0')}`;
    const secret = `whsec_${createHash('sha256').update(id).digest('base64')}`;
    return { id, type: all ?? `bench.${id}`, path: `/${id}`, secret };
  });
}

export const adminToken = 'of-the-benchmark-alone-for-its-own-service';

/** Writes config/webhooks.yaml and a secrets directory into `directory`; returns the latter's path. */
export async function writeConfiguration(
  directory: string,
  endpoints: readonly BenchEndpoint[],
  receiverUrl: string,
  /** Lines of YAML. */
  defaults: readonly string[] = [],
): Promise<string> {
  const secretsDirectory = join(directory, 'secrets');
  await mkdir(join(directory, 'config'), { recursive: true });
  await mkdir(secretsDirectory, { recursive: true });
  const entries = endpoints.map(
    ({ id, type, path }) => `  - { id: ${id}, url: '${receiverUrl}${path}', secret: ${id}, events: [${type}] }\n`,
  );
  const given = defaults.length === 0 ? '' : `defaults:\n${defaults.map((line) => `  ${line}\n`).join('')}`;
  await writeFile(join(directory, 'config', 'webhooks.yaml'), `${given}endpoints:\n${entries.join('')}`);
  const service = { admin_token: adminToken, session_secret: 'of the benchmark alone, and not of use elsewhere' };
  const secrets = Object.entries({
    ...service,
    ...Object.fromEntries(endpoints.map(({ id, secret }) => [id, secret])),
  });
  await Promise.all(secrets.map(([name, value]) => writeFile(join(secretsDirectory, name), value, { mode: 0o600 })));
  return secretsDirectory;
}
