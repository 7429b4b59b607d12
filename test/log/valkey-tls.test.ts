// Valkey by TLS, as its URL says: the scheme in any spelling, an address in brackets, a password with signs in it.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFreePort } from '../support/free-port.ts';
import { openValkey } from '../../src/log/valkey.ts';
import { readValkeyUrl } from '../../src/settings/valkey-url.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { eventually } from '../support/eventually.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { type ValkeyServer, openValkeyServer } from '../support/valkey-server.ts';

const authority = issueCertificate({ subject: 'authority', authority: true });
const opened = new AsyncDisposableStack();
let valkey: ValkeyServer;
let port: number;

beforeAll(async () => {
  // As NODE_EXTRA_CA_CERTS does for the whole process, before its first connection.
  setDefaultCACertificates([...getCACertificates('default'), authority.cert]);
  const server = issueCertificate({ subject: 'valkey', names: 'IP:127.0.0.1,IP:::1', issuer: authority });
  const directory = opened.use(await scratchDirectory());
  const files = { authority: authority.cert, cert: server.cert, key: server.key };
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory.path, name), content);
  valkey = opened.use(await openValkeyServer());
  port = await findFreePort();
  await valkey.kill();
  await valkey.start({
    config: [
      'bind 127.0.0.1 ::1',
      `tls-port ${port}`,
      `tls-cert-file ${join(directory.path, 'cert')}`,
      `tls-key-file ${join(directory.path, 'key')}`,
      `tls-ca-cert-file ${join(directory.path, 'authority')}`,
      'tls-auth-clients no',
      'user app on >p@ss:w/rd# ~* &* +@all',
    ],
  });
});
afterAll(() => opened.disposeAsync());

const access = 'app:p%40ss%3Aw%2Frd%23@';

/** What Valkey says of this connection, or the first problem with it. */
async function look(given: string): Promise<string> {
  const read = readValkeyUrl(given);
  if ('problem' in read) throw new Error(read.problem);
  let problem = '';
  const client = openValkey({ url: read.url, commandTimeoutMs: 5_000, onProblem: (said) => (problem ||= said) });
  try {
    await eventually(() => client.status === 'ready' || problem !== '');
    return problem || (await client.client('INFO'));
  } finally {
    client.disconnect();
  }
}

test.for(['valkeys://127.0.0.1', 'VALKEYS://127.0.0.1', 'rediss://[::1]'])(
  '%s is by TLS, with its user and database',
  async (server) => {
    const said = await look(`${server.replace('//', `//${access}`)}:${port}/2`);
    // The port takes nothing but TLS.
    expect(said).toMatch(new RegExp(` laddr=\\S+:${port} `));
    expect(said).toMatch(/ db=2 .* user=app /);
  },
);

test('a name that the certificate does not have is refused', async () => {
  expect(await look(`valkeys://${access}localhost:${port}`)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});
