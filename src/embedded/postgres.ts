// A real Postgres of our own for when no DATABASE_URL is given; it outlives a kill -9 of the service.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findFreePort } from './free-port.ts';
import { type PostgresPlace, preparePostgresPlace } from './postgres-place.ts';
import { awaitPostmaster, disownPostmaster, hasPostmaster } from './postmaster.ts';
import { type EmbeddedServer, type ServerLog, supervise } from './supervisor.ts';

const execute = promisify(execFile);

/** A first start may lose its port to a race, or meet the last processes of a killed server. */
const startAttempts = 5;
const readyWithinMs = 120_000;

/**
 * Takes up the server that runs on `<directory>/postgres`, or starts one there, making its data at first. It listens
 * on 127.0.0.1 alone, at a port that stays the same until it is disposed, and is started again if it dies. Throws a
 * StartError for what the operator has to mend, else an Error with the server's own last line.
 */
export async function openEmbeddedPostgres({
  directory,
  log,
}: {
  directory: string;
  log: ServerLog;
}): Promise<EmbeddedServer> {
  const place = await preparePostgresPlace(directory);
  const data = join(place.base, 'data');
  const password = await readOrMakePassword(place);
  if (!(await exists(data))) await initialise(place, data);
  const port = (await awaitPostmaster(data, readyWithinMs)) ?? (await startSomewhere(place, data));
  const supervisor = supervise({
    name: 'The embedded Postgres',
    isRunning: () => hasPostmaster(data),
    restart: () => start(place, data, port),
    log,
  });
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: async () => {
      await supervisor[Symbol.asyncDispose]();
      if (await hasPostmaster(data)) await run(place, 'pg_ctl', ['stop', '-s', '-w', '-m', 'fast', '-D', data]);
    },
  };
}

async function readOrMakePassword({ base }: PostgresPlace): Promise<string> {
  const file = join(base, 'password');
  if (!(await exists(file))) {
    const unfinished = `${file}-unfinished`;
    await rm(unfinished, { force: true });
    await writeFile(unfinished, randomBytes(24).toString('hex'), { mode: 0o600 });
    await rename(unfinished, file);
  }
  return await readFile(file, 'utf8');
}

async function initialise(place: PostgresPlace, data: string): Promise<void> {
  const unfinished = `${data}-unfinished`;
  const passwordFile = join(place.base, 'password');
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await giveAway(place, unfinished);
  await giveAway(place, passwordFile);
  await run(place, 'initdb', [
    '--encoding=UTF8',
    '--locale=C',
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    `--pgdata=${unfinished}`,
  ]);
  await rename(unfinished, data);
}

async function startSomewhere(place: PostgresPlace, data: string): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    try {
      await start(place, data, port);
      return port;
    } catch (error) {
      if (attempt === startAttempts) throw error;
      await sleep(300);
    }
  }
}

async function start(place: PostgresPlace, data: string, port: number): Promise<void> {
  const logFile = join(place.base, 'log');
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200`;
  await appendFile(logFile, '', { mode: 0o600 });
  await giveAway(place, logFile);
  await disownPostmaster(data);
  try {
    // pg_ctl puts the server into a session of its own, out of reach of Ctrl-C and of our end.
    const seconds = String(readyWithinMs / 1_000);
    await run(place, 'pg_ctl', ['start', '-s', '-w', '-t', seconds, '-D', data, '-l', logFile, '-o', settings]);
  } catch {
    const lines = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
    const reason = lines.findLast((line) => line.includes('FATAL')) ?? lines.at(-1);
    throw new Error(`The embedded Postgres did not start (log: ${logFile}): ${reason}`);
  }
}

async function run({ base, programs, user }: PostgresPlace, program: string, args: string[]): Promise<void> {
  // An environment of its own, because PGDATA and the like would be obeyed.
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };
  try {
    await execute(join(programs, program), args, { cwd: base, env, ...user });
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const reason = stderr.trim().split('\n').join(' ') || message;
    throw new Error(`${program} of the embedded Postgres failed: ${reason}`, { cause: error });
  }
}

/** Makes Postgres's user the owner of what that user has to read or write. */
async function giveAway({ user }: PostgresPlace, path: string): Promise<void> {
  if (user) await chown(path, user.uid, user.gid);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
