// A real Postgres for when no DATABASE_URL is given; it survives a kill -9 of the service.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, constants, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { type PostgresInstallation, preparePostgresInstallation } from './postgres-installation.ts';
import { awaitPostmaster, disownPostmaster, hasPostmaster, readPostmaster } from './postmaster.ts';
import { openSocketDirectory, removeShortDirectory } from './socket-directory.ts';
import { type EmbeddedServer, type ServerLog, supervise } from './supervisor.ts';

const execute = promisify(execFile);

/** A start may find the last processes of a killed server. */
const startAttempts = 5;
const readyWithinMs = 120_000;

/** Only names the socket: there is no TCP port. */
const port = 5432;
const socketFile = `.s.PGSQL.${port}`;

/** Postgres's programs would use PGDATA and the like. */
const cleanEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/**
 * Uses the server that runs on `<directory>/postgres`, or starts one there, after making its data if there is none. It
 * listens on a Unix socket only, which stays the same until disposal, and is restarted if it dies. Throws a StartError for
 * what the operator can fix, else an Error with the server's own last line.
 */
export async function openEmbeddedPostgres({
  directory,
  log,
}: {
  directory: string;
  log: ServerLog;
}): Promise<EmbeddedServer> {
  const installation = await preparePostgresInstallation(directory);
  const data = join(installation.base, 'data');
  log.info(`The embedded Postgres keeps its data in ${installation.base}; "tidings clean" removes it`);
  const password = await readOrMakePassword(installation);
  if (!(await exists(data))) await initialise(installation, data);
  const socket = await openSocketDirectory({ base: installation.base, file: socketFile }, installation.user);
  const stop = () => run(installation, 'pg_ctl', ['stop', '-s', '-w', '-m', 'fast', '-D', data]);
  const running = await awaitPostmaster(data, readyWithinMs);
  if (running !== null && running.socketDirectory !== socket) await stop();
  if (running?.socketDirectory !== socket) await startPatiently(installation, data, socket);
  const supervisor = supervise({
    name: 'The embedded Postgres',
    isRunning: () => hasPostmaster(data),
    restart: () => start(installation, data, socket),
    log,
  });
  return {
    url: `postgres://postgres:${password}@${encodeURIComponent(socket)}:${port}/postgres?sslmode=disable`,
    [Symbol.asyncDispose]: async () => {
      await supervisor[Symbol.asyncDispose]();
      if (await hasPostmaster(data)) await stop();
      await removeShortDirectory(installation.base);
    },
  };
}

async function readOrMakePassword({ base }: PostgresInstallation): Promise<string> {
  const file = join(base, 'password');
  if (!(await exists(file))) {
    const unfinished = `${file}-unfinished`;
    await rm(unfinished, { force: true });
    await writeFile(unfinished, randomBytes(24).toString('hex'), { mode: 0o600 });
    await rename(unfinished, file);
  }
  return await readFile(file, 'utf8');
}

async function initialise(installation: PostgresInstallation, data: string): Promise<void> {
  const unfinished = `${data}-unfinished`;
  const passwordFile = join(installation.base, 'password');
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await chownToUser(installation, unfinished);
  await chownToUser(installation, passwordFile);
  await run(installation, 'initdb', [
    '--encoding=UTF8',
    // Otherwise a search's trigrams would know no letter beyond ASCII. Sorting is by code points, as in the locale C.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C.UTF-8',
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    `--pgdata=${unfinished}`,
  ]);
  await rename(unfinished, data);
}

async function startPatiently(installation: PostgresInstallation, data: string, socket: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(installation, data, socket);
    } catch (error) {
      if (attempt === startAttempts) throw error;
      await sleep(retryDelaysMs.embeddedPostgres);
    }
  }
}

/** Not by pg_ctl, which gives its arguments to a shell: the name of a directory may hold anything. */
async function start(installation: PostgresInstallation, data: string, socket: string): Promise<void> {
  const { base, programs, user } = installation;
  await disownPostmaster(data);
  // Nobody else has a socket here, but its lock may name a pid that is another process by now.
  for (const file of [socketFile, `${socketFile}.lock`]) await rm(join(socket, file), { force: true });
  const settings = [
    'listen_addresses=',
    `unix_socket_directories="${socket.replaceAll('"', '""')}"`,
    'unix_socket_permissions=0700',
    'max_connections=200',
  ];
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  const logFile = join(base, 'log');
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const output = await open(logFile, flags, 0o600);
  const stdio = ['ignore' as const, output.fd, output.fd];
  // In a session of its own, so that neither Ctrl-C nor the end of this process ends it.
  const child = spawn(join(programs, 'postgres'), args, {
    cwd: base,
    env: cleanEnvironment,
    detached: true,
    stdio,
    ...user,
  });
  child.unref();
  let hasEnded = false;
  child.once('error', () => (hasEnded = true));
  child.once('exit', () => (hasEnded = true));
  await output.close();
  for (const giveUpAt = performance.now() + readyWithinMs; !(await isReady(data, child.pid)); await sleep(20)) {
    if (!hasEnded && performance.now() < giveUpAt) continue;
    child.kill('SIGQUIT');
    const lines = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
    const reason = lines.findLast((line) => line.includes('FATAL')) ?? lines.at(-1);
    throw new Error(`The embedded Postgres did not start (log: ${logFile}): ${reason}`);
  }
}

async function isReady(data: string, pid: number | undefined): Promise<boolean> {
  const postmaster = await readPostmaster(data);
  return postmaster !== null && postmaster.pid === pid && postmaster.isReady;
}

async function run({ base, programs, user }: PostgresInstallation, program: string, args: string[]): Promise<void> {
  try {
    await execute(join(programs, program), args, { cwd: base, env: cleanEnvironment, ...user });
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const reason = stderr.trim().split('\n').join(' ') || message;
    throw new Error(`${program} of the embedded Postgres failed: ${reason}`, { cause: error });
  }
}

/** Gives Postgres's user what it has to read or write. */
async function chownToUser({ user }: PostgresInstallation, path: string): Promise<void> {
  if (user) await chown(path, user.uid, user.gid);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
