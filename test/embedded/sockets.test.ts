// Where the own Postgres and Valkey listen: nobody else can take their place, whatever the directory is called.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { preparePostgresInstallation } from '../../src/embedded/postgres-installation.ts';
import { readPostmaster } from '../../src/embedded/postmaster.ts';
import { findOwnRemains } from '../../src/embedded/remains.ts';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { administer } from '../support/administer.ts';
import { type EmbeddedDirectory, makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/free-port.ts';
import { runKillableService } from './killable-service.ts';
import { asStranger } from '../support/stranger.ts';

const isRoot = process.getuid?.() === 0;
const log = { info: () => {}, warn: (line: string) => expect.fail(line) };

/** As a shell, a list of Postgres, a line of Valkey's configuration, a URL and a client of Valkey may misread it. */
const oddName = `it's a "$(touch pwned)" \`touch pwned\`, \\ # ?x=1&password=no %2F é`;

let place: EmbeddedDirectory;
beforeAll(async () => {
  place = await makeEmbeddedDirectory();
});
afterAll(() => place[Symbol.asyncDispose]());

/** The directories of the sockets in these URLs. */
function socketDirectories(postgres: string, valkey: string): [string, string] {
  return [decodeURIComponent(new URL(postgres).hostname), dirname(valkey.split('?')[0]!)];
}

async function pidOfPostgres(directory: string): Promise<number> {
  return (await readPostmaster(await realpath(join(directory, 'postgres', 'data'))))!.pid;
}

async function askValkey(url: string, command: string, ...values: string[]): Promise<unknown> {
  const client = new Redis(url, { retryStrategy: null, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  try {
    return await client.call(command, ...values);
  } finally {
    client.disconnect();
  }
}

/** What another user gets who tries, at this path, to listen and to connect. */
async function tryAsStranger(path: string): Promise<string> {
  const program = `
    const net = require('node:net');
    const { promise, resolve } = Promise.withResolvers();
    const server = net.createServer().on('error', ({ code }) => resolve(code)).listen(process.argv[1], () => resolve('took it'));
    const other = Promise.withResolvers();
    const client = net.connect(process.argv[2]).on('error', ({ code }) => other.resolve(code)).on('connect', () => other.resolve('connected'));
    Promise.all([promise, other.promise]).then((both) => { console.log(both.join()); process.exit(); });`;
  const child = spawn(...asStranger(program, `${path}-other`, path));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return said.toString().trim();
}

test('a server that died leaves no place that another user could take, and no port at all', async () => {
  await using postgres = await openEmbeddedPostgres({ directory: place.path, log: { info() {}, warn() {} } });
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: { info() {}, warn() {} } });
  const [ofPostgres, ofValkey] = socketDirectories(postgres.url, valkey!.url);
  for (const directory of [ofPostgres, ofValkey]) {
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await realpath(directory)).toBe(directory);
  }
  expect(await readdir(ofPostgres)).toEqual(['.s.PGSQL.5432', '.s.PGSQL.5432.lock']);
  expect(await readdir(ofValkey)).toEqual(['valkey.sock']);
  const sockets = [join(ofPostgres, '.s.PGSQL.5432'), join(ofValkey, 'valkey.sock')];
  for (const socket of sockets) expect((await lstat(socket)).mode & 0o777).toBe(0o700);
  const pids = [
    await pidOfPostgres(place.path),
    Number(/process_id:(\d+)/.exec(String(await askValkey(valkey!.url, 'INFO', 'server')))?.[1]),
  ];
  if (isRoot) for (const socket of sockets) expect(await tryAsStranger(socket)).toBe('EACCES,EACCES');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  if (isRoot) for (const socket of sockets) expect(await tryAsStranger(socket)).toBe('EACCES,EACCES');
  // Both come back there by themselves.
  await eventually(async () => (await askValkey(valkey!.url, 'PING').catch(() => null)) === 'PONG');
  await eventually(async () => (await administer(postgres.url, 'select 1 as one').catch(() => [])).length === 1);
});

test('a server left by a killed service that listens on a port is ended, and the next start has it on its socket', async () => {
  {
    await using _first = await openEmbeddedPostgres({ directory: place.path, log });
    await using _valkey = await openEmbeddedValkey({ directory: place.path, log });
  }
  const { base, programs, user } = await preparePostgresInstallation(place.path);
  const [port, valkeyPort] = [await findFreePort(), await findFreePort()];
  const args = [
    '-D',
    join(base, 'data'),
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
  ];
  spawn(join(programs, 'postgres'), args, { cwd: base, detached: true, stdio: 'ignore', ...user }).unref();
  await eventually(async () => (await readPostmaster(join(base, 'data')))?.isReady);
  const config = join(place.path, 'valkey', 'valkey.conf');
  await writeFile(
    config,
    (await readFile(config, 'utf8')).replace('port 0', `port ${valkeyPort}`).replace(/^unixsocket.*$/gm, ''),
  );
  const child = spawn(
    '/bin/sh',
    [
      '-c',
      'exec $(command -v valkey-server || command -v redis-server) "$0" --dir "$1"',
      config,
      join(place.path, 'valkey'),
    ],
    {
      ...{ detached: true, stdio: 'ignore' },
    },
  );
  await writeFile(join(place.path, 'valkey', 'pid'), String(child.pid));
  const before = await pidOfPostgres(place.path);

  await using postgres = await openEmbeddedPostgres({ directory: place.path, log });
  await using valkey = await openEmbeddedValkey({ directory: place.path, log });
  expect(await pidOfPostgres(place.path)).not.toBe(before);
  expect(await administer(postgres.url, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
  expect(await askValkey(valkey!.url, 'CONFIG', 'GET', 'port')).toEqual(['port', '0']);
  expect(child.exitCode ?? child.signalCode ?? (await once(child, 'exit'))).not.toBeNull();
});

test('a directory of any name works, and nothing in its name is run or read as an option', async () => {
  const directory = join(place.path, oddName);
  await mkdir(directory);
  {
    await using postgres = await openEmbeddedPostgres({ directory, log });
    await using valkey = await openEmbeddedValkey({ directory, log });
    expect(await administer(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await askValkey(valkey!.url, 'PING')).toBe('PONG');
    expect(await askValkey(valkey!.url, 'CONFIG', 'GET', 'dir')).toEqual(['dir', join(directory, 'valkey')]);
    const base = dirname(await realpath(join(directory, 'postgres', 'data')));
    for (const path of [directory, join(directory, 'valkey'), base]) expect(await readdir(path)).not.toContain('pwned');
  }
  for (const one of await findOwnRemains(directory)) await one.remove();
});

test('where the path is too long for a socket, it is in a short directory of our own, which goes with the server', async () => {
  const directory = join(place.path, 'x'.repeat(120));
  await mkdir(directory);
  let url = '';
  {
    await using service = await runKillableService(directory, 'valkey');
    url = service.urls.valkey!;
  }
  const short = dirname(url.split('?')[0]!);
  expect(dirname(short)).toBe(await realpath(tmpdir()));
  expect((await lstat(short)).mode & 0o777).toBe(0o700);
  {
    // The killed service's server still runs there.
    await using valkey = await openEmbeddedValkey({ directory, log });
    expect(valkey!.url).toBe(url);
    expect(await askValkey(url, 'SET', 'kept', 'a value')).toBe('OK');
  }
  await expect(lstat(short)).rejects.toThrow('ENOENT');
  {
    await using _service = await runKillableService(directory, 'valkey');
  }
  const again = await realpath(join(directory, 'valkey', 'socket'));
  const [remains] = await findOwnRemains(directory);
  await remains!.remove();
  await expect(lstat(again)).rejects.toThrow('ENOENT');
});

test('a short directory that others may enter, or that is gone, is not used again', async () => {
  const directory = join(place.path, 'y'.repeat(120));
  await mkdir(join(directory, 'valkey'), { recursive: true, mode: 0o700 });
  const link = join(directory, 'valkey', 'socket');
  const open = await mkdtemp(join(tmpdir(), 'open-'));
  await chmod(open, 0o777);
  for (const target of [open, join(open, 'gone')]) {
    await symlink(target, link);
    await using valkey = await openEmbeddedValkey({ directory, log });
    expect(dirname(valkey!.url)).not.toContain(open);
    await askValkey(valkey!.url, 'PING');
  }
  expect(await readdir(open)).toEqual([]);
  await rm(open, { recursive: true });
});
