// TLS on the Postgres that all tests share, for one test file, with roles that pg_hba.conf lets in by one way only.

import { chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { issueCertificate } from './certificate-authority.ts';
import { eventually } from './eventually.ts';

export type PostgresWithTls = AsyncDisposable & {
  /** For these users: only by TLS, only without, only with a certificate of the authority, not at all. */
  users: Record<'byTls' | 'plain' | 'byCertificate' | 'refused', string>;
  /** Of all users. */
  password: string;
  /** PEM files: the authority of the server and of the user `byCertificate`, and an authority of nobody. */
  files: Record<'authority' | 'other' | 'cert' | 'key' | 'missing', string>;
  /** The URL of the shared database, with another user or parameters. */
  urlOf(user: string, parameters?: string, host?: string): string;
};

/** The server's certificate is for 127.0.0.1 and `db.test`. */
export async function openPostgresWithTls(): Promise<PostgresWithTls> {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'postgres-tls-'));
  opening.defer(() => rm(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);
  const files = {
    authority: file('authority.pem'),
    other: file('other.pem'),
    cert: file('cert.pem'),
    key: file('key.pem'),
    missing: file('missing.pem'),
  };
  const mark = `tls${process.pid}${Date.now().toString(36)}`;
  const users = {
    byTls: `${mark}_tls`,
    plain: `${mark}_plain`,
    byCertificate: `${mark}_certificate`,
    refused: `${mark}_refused`,
  };
  const password = 'hush-hush';

  const authority = issueCertificate({ subject: 'authority', authority: true });
  const server = issueCertificate({ subject: 'server', names: 'IP:127.0.0.1,DNS:db.test', issuer: authority });
  const client = issueCertificate({ subject: users.byCertificate, issuer: authority, usage: 'clientAuth' });
  await writeFile(files.authority, authority.cert);
  await writeFile(files.other, issueCertificate({ subject: 'other', authority: true }).cert);
  await writeFile(files.cert, client.cert);
  await writeFile(files.key, client.key, { mode: 0o600 });

  const orm = openOrm({ url: inject('postgresUrl'), connections: 1, name: 'test-tls' });
  opening.defer(() => orm.close(true));
  const run = async (...statements: string[]) => {
    for (const statement of statements) await orm.em.getConnection().execute(statement);
  };
  for (const user of Object.values(users)) {
    await run(`create role ${user} login password '${password}'`);
    opening.defer(() => run(`drop role ${user}`));
  }

  const [{ data }] = (await orm.em.getConnection().execute(`select current_setting('data_directory') as data`)) as [
    { data: string },
  ];
  const { uid, gid } = await stat(data);
  const names = { ssl_cert_file: `${mark}.crt`, ssl_key_file: `${mark}.key`, ssl_ca_file: `${mark}-ca.crt` };
  const contents = [server.cert, server.key, authority.cert];
  for (const [index, name] of Object.values(names).entries()) {
    const path = join(data, name);
    await writeFile(path, contents[index]!, { mode: 0o600 });
    await chown(path, uid, gid);
    opening.defer(() => rm(path));
  }
  const access = join(data, 'pg_hba.conf');
  const before = await readFile(access, 'utf8');
  const rules = [
    `hostssl all ${users.byTls} all scram-sha-256`,
    `hostnossl all ${users.plain} all scram-sha-256`,
    `hostssl all ${users.byCertificate} all cert`,
    ...Object.values(users).map((user) => `host all ${user} all reject`),
  ];
  await writeFile(access, `${rules.join('\n')}\n${before}`);
  const settings = Object.entries({ ...names, ssl: 'on' });
  await run(...settings.map(([name, value]) => `alter system set ${name} = '${value}'`), 'select pg_reload_conf()');
  opening.defer(async () => {
    await writeFile(access, before);
    await run(...settings.map(([name]) => `alter system reset ${name}`), 'select pg_reload_conf()');
    await takenUp(false);
  });
  await takenUp(true);

  const parts = opening.move();
  return {
    users,
    password,
    files,
    urlOf(user, parameters = '', host = '') {
      const url = new URL(inject('postgresUrl'));
      return `postgres://${user}:${password}@${host || url.host}${url.pathname}?${parameters}`;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** A new connection is by TLS, or is not: the server reads its files some time after it is told to. */
async function takenUp(isOn: boolean): Promise<void> {
  const url = new URL(inject('postgresUrl'));
  url.searchParams.set('sslmode', 'prefer');
  await eventually(async () => {
    const fresh = openOrm({ url: url.href, connections: 1, name: 'test-tls' });
    try {
      const rows = await fresh.em
        .fork()
        .execute<{ ssl: boolean }[]>('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
      return rows[0]?.ssl === isOn;
    } finally {
      await fresh.close(true);
    }
  });
}
