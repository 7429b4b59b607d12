// TLS on the Postgres that all tests share, and roles that pg_hba.conf lets in by one way only.

import { createPrivateKey } from 'node:crypto';
import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { issueCertificate } from './certificate-authority.ts';

export type PostgresTls = {
  /** PEM files: the authority of the server and of the role `by_certificate`, and an authority of nobody. */
  files: Record<'authority' | 'other' | 'cert' | 'key' | 'lockedKey' | 'missing', string>;
};

/** Roles: let in only by TLS, only without, only with a certificate of the authority. */
const roles = ['by_tls', 'by_plain', 'by_certificate'] as const;

/** Of these roles, and of the locked key. */
export const password = 'hush-hush';

/**
 * Makes the certificates and the roles, and has the server take them up; all that is not for these roles goes on as
 * before. The server's certificate is for 127.0.0.1, ::1 and `db.test`.
 */
export async function addTls(
  directory: string,
  administer: (...statements: string[]) => Promise<object[]>,
): Promise<PostgresTls> {
  const folder = join(directory, 'postgres-tls');
  await mkdir(folder);
  const file = (name: string) => join(folder, `${name}.pem`);
  const files = {
    authority: file('authority'),
    other: file('other'),
    cert: file('cert'),
    key: file('key'),
    lockedKey: file('locked-key'),
    missing: file('missing'),
  };
  const authority = issueCertificate({ subject: 'authority', authority: true });
  const names = 'IP:127.0.0.1,IP:::1,DNS:db.test';
  const server = issueCertificate({ subject: 'server', names, issuer: authority });
  const client = issueCertificate({ subject: 'by_certificate', issuer: authority, usage: 'clientAuth' });
  await writeFile(files.authority, authority.cert);
  await writeFile(files.other, issueCertificate({ subject: 'other', authority: true }).cert);
  await writeFile(files.cert, client.cert);
  await writeFile(files.key, client.key, { mode: 0o600 });
  const locked = createPrivateKey(client.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: password,
  });
  await writeFile(files.lockedKey, locked, { mode: 0o600 });

  const [found] = await administer(`select current_setting('data_directory') as data`);
  const { data } = found as { data: string };
  const { uid, gid } = await stat(data);
  // The names that Postgres has for them by default.
  for (const [name, content] of Object.entries({
    'server.crt': server.cert,
    'server.key': server.key,
    'root.crt': authority.cert,
  })) {
    await writeFile(join(data, name), content, { mode: 0o600 });
    await chown(join(data, name), uid, gid);
  }
  const access = join(data, 'pg_hba.conf');
  const rules = [
    'hostssl all by_tls all scram-sha-256',
    'hostnossl all by_plain all scram-sha-256',
    'hostssl all by_certificate all cert',
    ...roles.map((role) => `host all ${role} all reject`),
  ];
  await writeFile(access, `${rules.join('\n')}\n${await readFile(access, 'utf8')}`);
  await administer(
    ...roles.map((role) => `create role ${role} login password '${password}'`),
    `alter system set ssl_ca_file = 'root.crt'`,
    'alter system set ssl = on',
    'select pg_reload_conf()',
  );
  return { files };
}

/** The shared database as a role of these, at another host and port if there is one. */
export function urlAs(role: string, parameters = '', host = new URL(inject('postgresUrl')).host): string {
  return `postgres://${role}:${password}@${host}${new URL(inject('postgresUrl')).pathname}?${parameters}`;
}

/** `{authority}` and the others in the parameters become the paths of the files. */
export function withFiles(parameters: string): string {
  const { files } = inject('postgresTls');
  return parameters.replaceAll(/\{(\w+)\}/g, (_, name: keyof PostgresTls['files']) => files[name]);
}
