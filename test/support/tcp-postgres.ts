// A Postgres that many tests share, over TCP and with TLS, as a given one is reached; gone afterwards.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from './free-port.ts';
import { preparePostgresInstallation } from '../../src/embedded/postgres-installation.ts';

const execute = promisify(execFile);

const settings = [
  ...['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'],
  // It keeps the time of each commit: from then on a row is there, however long ago it was inserted.
  'track_commit_timestamp=on',
];

export async function openTcpPostgres(directory: string): Promise<AsyncDisposable & { url: string }> {
  const { base, programs, user } = await preparePostgresInstallation(directory);
  const [data, log, passwordFile] = ['data', 'log', 'password'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ];
  const password = randomBytes(24).toString('hex');
  await mkdir(data, { mode: 0o700 });
  await writeFile(log, '');
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const path of [data, log, passwordFile]) if (user) await chown(path, user.uid, user.gid);

  async function run(program: string, ...args: string[]): Promise<void> {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };
    await execute(join(programs, program), args, { cwd: base, env, ...user });
  }

  const letters = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C.UTF-8'];
  const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  await run('initdb', ...letters, ...access, '--no-sync', `--pgdata=${data}`);
  const port = await findFreePort();
  const options = settings.map((setting) => `-c ${setting}`).join(' ');
  await run('pg_ctl', 'start', '-s', '-w', '-D', data, '-l', log, '-o', `-p ${port} ${options}`);
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres?sslmode=disable`,
    [Symbol.asyncDispose]: () => run('pg_ctl', 'stop', '-s', '-w', '-m', 'fast', '-D', data),
  };
}
