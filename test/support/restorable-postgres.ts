// A Postgres of a test's own, of which a base backup is taken while it runs, and which is set back to it.

import { execFile } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from './free-port.ts';
import { preparePostgresInstallation } from '../../src/embedded/postgres-installation.ts';
import { migrate } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { makeEmbeddedDirectory } from './embedded-directory.ts';

const execute = promisify(execFile);

export type RestorablePostgres = AsyncDisposable & {
  /** Of a database with all tables. */
  url: string;
  /** Takes a base backup, as pg_basebackup does; whoever uses the server does not notice. */
  backUp(): Promise<void>;
  /** Stops it; everybody is disconnected. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Puts the data of the backup in the place of what is there. While it is stopped. */
  putBack(): Promise<void>;
};

export async function openRestorablePostgres(): Promise<RestorablePostgres> {
  await using opening = new AsyncDisposableStack();
  const directory = opening.use(await makeEmbeddedDirectory());
  const { base, programs, user } = await preparePostgresInstallation(directory.path);
  const [data, backup, log] = ['data', 'backup', 'log'].map((name) => join(base, name)) as [string, string, string];
  const port = await findFreePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;

  /** What Postgres's user has to write; the place itself is root's where root runs the tests. */
  async function give(path: string): Promise<void> {
    if (user) await chown(path, user.uid, user.gid);
  }

  async function run(program: string, ...args: string[]): Promise<void> {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };
    await execute(join(programs, program), args, { cwd: base, env, ...user });
  }

  async function start(): Promise<void> {
    const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c fsync=off`;
    await run('pg_ctl', 'start', '-s', '-w', '-D', data, '-l', log, '-o', settings);
  }

  await mkdir(data, { mode: 0o700 });
  await writeFile(log, '');
  for (const path of [data, log]) await give(path);
  await run('initdb', '--encoding=UTF8', '--locale=C', '--username=postgres', '--auth=trust', `--pgdata=${data}`);
  await start();
  await migrate({ url });
  const parts = opening.move();

  return {
    url,
    start,
    async backUp() {
      await rm(backup, { recursive: true, force: true });
      // The backup lasts as long as the connection on which it was begun.
      const orm = openOrm({ url, connections: 1, name: 'test-backup' });
      try {
        const { em } = orm;
        await em.fork().execute(`select pg_backup_start('test', true)`);
        await copy(data, backup);
        const [end] = await em
          .fork()
          .execute<[{ label: string }]>('select labelfile as label from pg_backup_stop(false)');
        await rm(join(backup, 'pg_wal'), { recursive: true });
        await copy(join(data, 'pg_wal'), join(backup, 'pg_wal'));
        await rm(join(backup, 'postmaster.pid'));
        const label = join(backup, 'backup_label');
        await writeFile(label, end.label);
        await give(label);
      } finally {
        await orm.close(true);
      }
    },
    stop: () => run('pg_ctl', 'stop', '-s', '-w', '-m', 'fast', '-D', data),
    async putBack() {
      await rm(data, { recursive: true });
      await copy(backup, data);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** With owners and modes, which Postgres insists on. A file that goes while it is copied is no harm. */
async function copy(from: string, to: string): Promise<void> {
  await execute('cp', ['-a', from, to]).catch((error: unknown) => {
    const lines = (error as { stderr: string }).stderr.trim().split('\n');
    if (!lines.every((line) => line.includes('No such file'))) throw error;
  });
}
