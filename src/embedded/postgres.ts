// A real Postgres for when no DATABASE_URL is given; it survives a kill -9 of the service.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { findFreePort } from './free-port.ts';
import { type PostgresInstallation, preparePostgresInstallation } from './postgres-installation.ts';
import { awaitPostmaster, disownPostmaster, hasPostmaster } from './postmaster.ts';
import { type EmbeddedServer, type ServerLog, supervise } from './supervisor.ts';

const execute = promisify(execFile);

/** A start may lose its port to another program, or find the last processes of a killed server. */
const startAttempts = 5;
const readyWithinMs = 120_000;

/**
 * Uses the server that runs on `<directory>/postgres`, or starts one there, after making its data if there is none. It
 * listens on 127.0.0.1 only, at a port that stays the same until disposal, and is restarted if it dies. Throws a
 * StartError for what the operator can fix, else an Error with the server's own last line.
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
  const port = (await awaitPostmaster(data, readyWithinMs)) ?? (await startOnFreePort(installation, data));
  const supervisor = supervise({
    name: 'The embedded Postgres',
    isRunning: () => hasPostmaster(data),
    restart: () => start(installation, data, port),
    log,
  });
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres?sslmode=disable`,
    [Symbol.asyncDispose]: async () => {
      await supervisor[Symbol.asyncDispose]();
      if (await hasPostmaster(data)) await run(installation, 'pg_ctl', ['stop', '-s', '-w', '-m', 'fast', '-D', data]);
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
    // Else a search's trigrams would know no letter beyond ASCII. Sorting is by code points, as in the locale C.
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

async function startOnFreePort(installation: PostgresInstallation, data: string): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    try {
      await start(installation, data, port);
      return port;
    } catch (error) {
      if (attempt === startAttempts) throw error;
      await sleep(retryDelaysMs.embeddedPostgres);
    }
  }
}

async function start(installation: PostgresInstallation, data: string, port: number): Promise<void> {
  const logFile = join(installation.base, 'log');
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200`;
  await appendFile(logFile, '', { mode: 0o600 });
  await chownToUser(installation, logFile);
  await disownPostmaster(data);
  try {
    // pg_ctl puts the server into its own session, so neither Ctrl-C nor the end of this process ends it.
    const seconds = String(readyWithinMs / 1_000);
    await run(installation, 'pg_ctl', ['start', '-s', '-w', '-t', seconds, '-D', data, '-l', logFile, '-o', settings]);
  } catch {
    const lines = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
    const reason = lines.findLast((line) => line.includes('FATAL')) ?? lines.at(-1);
    throw new Error(`The embedded Postgres did not start (log: ${logFile}): ${reason}`);
  }
}

async function run({ base, programs, user }: PostgresInstallation, program: string, args: string[]): Promise<void> {
  // A clean environment, because Postgres's programs would use PGDATA and the like.
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };
  try {
    await execute(join(programs, program), args, { cwd: base, env, ...user });
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
