// A PgBouncer with the settings of its package, before any database of a server; gone afterwards.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findFreePort } from './free-port.ts';
import { eventually } from './eventually.ts';
import { findProgram } from './find-program.ts';
import { openServerRoom } from './foreign-server.ts';

export type PgBouncer = AsyncDisposable & {
  /** The URL of the same database by way of it. */
  urlOf(database: string): string;
};

/** `server` is the URL of any database of the server. */
export async function openPgBouncer(server: string, mode: 'session' | 'transaction'): Promise<PgBouncer> {
  const program = findProgram(['pgbouncer'], { folders: ['/usr/sbin'], make: 'test-long', debian: 'pgbouncer' });
  await using opening = new AsyncDisposableStack();
  const { path, user, directory } = opening.use(await openServerRoom());
  const { hostname, port: serverPort, username, password } = new URL(server);
  const port = await findFreePort();
  const files = {
    'pgbouncer.ini': `[databases]
* = host=${hostname} port=${serverPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = md5
auth_file = ${join(path, 'users')}
pool_mode = ${mode}
`,
    users: `"${username}" "${decodeURIComponent(password)}"\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(path, name), text, { mode: 0o600 });
    if (user) await chown(join(path, name), user.uid, user.gid);
  }
  const child = spawn(program, [join(path, 'pgbouncer.ini')], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...user,
  });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  opening.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(said);
      return listens(port);
    },
    { saying: 'PgBouncer' },
  );
  const parts = opening.move();
  return {
    urlOf(database) {
      const url = new URL(database);
      url.hostname = '127.0.0.1';
      url.port = String(port);
      return url.href;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return isOpen;
}
