// A Postgres 15, the oldest that Tidings works with, of Debian's package; gone afterwards.

import { execFile } from 'node:child_process';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from './free-port.ts';
import { findProgram } from './find-program.ts';
import { openServerRoom } from './foreign-server.ts';

const execute = promisify(execFile);
const lookup = { folders: ['/usr/lib/postgresql/15/bin'], make: 'test-long', debian: 'postgresql-15' };

export async function openPostgres15(): Promise<AsyncDisposable & { url: string }> {
  const programs = { initdb: findProgram(['initdb'], lookup), pg_ctl: findProgram(['pg_ctl'], lookup) };
  await using opening = new AsyncDisposableStack();
  const { path, user } = opening.use(await openServerRoom());
  const [data, log] = [join(path, 'data'), join(path, 'log')];
  await mkdir(data, { mode: 0o700 });
  await writeFile(log, '');
  for (const each of [data, log]) if (user) await chown(each, user.uid, user.gid);
  const port = await findFreePort();

  async function run(program: string, ...args: string[]): Promise<void> {
    await execute(program, args, { cwd: path, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, ...user });
  }

  await run(programs.initdb, '--encoding=UTF8', '--locale=C', '--username=postgres', '--auth=trust', '-N', '-D', data);
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`;
  await run(programs.pg_ctl, 'start', '-s', '-w', '-D', data, '-l', log, '-o', settings);
  opening.defer(() => run(programs.pg_ctl, 'stop', '-s', '-w', '-m', 'fast', '-D', data));
  const parts = opening.move();
  return {
    url: `postgres://postgres:any@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
