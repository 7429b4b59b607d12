// The endpoints that a row delivers to: their names and secrets, and the configuration that says so.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type BenchEndpoint = {
  id: string;
  /** The one type of event it subscribes to, and nobody else does. */
  type: string;
  /** The path of its URL at the receiver. */
  path: string;
  secret: string;
};

/** The same names and secrets in every run: what is compared with an earlier day is the same work. */
export function makeEndpoints(count: number): BenchEndpoint[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `e${String(index).padStart(5, '0')}`;
    const secret = `whsec_${createHash('sha256').update(id).digest('base64')}`;
    return { id, type: `bench.${id}`, path: `/${id}`, secret };
  });
}

/** Writes config/webhooks.yaml and a secrets directory into `directory`; returns the latter's path. */
export async function writeConfiguration(
  directory: string,
  endpoints: readonly BenchEndpoint[],
  receiverUrl: string,
): Promise<string> {
  const secretsDirectory = join(directory, 'secrets');
  await mkdir(join(directory, 'config'), { recursive: true });
  await mkdir(secretsDirectory, { recursive: true });
  const entries = endpoints.map(
    ({ id, type, path }) => `  - { id: ${id}, url: '${receiverUrl}${path}', secret: ${id}, events: [${type}] }\n`,
  );
  await writeFile(join(directory, 'config', 'webhooks.yaml'), `endpoints:\n${entries.join('')}`);
  const service = { admin_token: 'benchmark', session_secret: 'of the benchmark alone, and not of use elsewhere' };
  const secrets = Object.entries({
    ...service,
    ...Object.fromEntries(endpoints.map(({ id, secret }) => [id, secret])),
  });
  await Promise.all(secrets.map(([name, value]) => writeFile(join(secretsDirectory, name), value, { mode: 0o600 })));
  return secretsDirectory;
}
