// A Valkey for when no VALKEY_URL is given; it survives a kill -9 of the service.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findFreePort, isFree } from './free-port.ts';
import { endServerProcess, isServerProcess } from './server-process.ts';
import { type EmbeddedServer, type ServerLog, supervise } from './supervisor.ts';

const execute = promisify(execFile);
const readyWithinMs = 30_000;

type Files = { base: string; config: string; pidFile: string; logFile: string };
type Access = { port: number; password: string };

/**
 * Uses the server that runs in `<directory>/valkey`, or starts one there with its append-only file on. It listens on
 * 127.0.0.1 only, at a port that stays the same until disposal, and is restarted if it dies. Null, with a warning, when
 * there is no program for it or it does not start: events then flow through Postgres alone.
 */
export async function openEmbeddedValkey({
  directory,
  log,
}: {
  directory: string;
  log: ServerLog;
}): Promise<EmbeddedServer | null> {
  const files = filesIn(await realpath(directory));
  await mkdir(files.base, { recursive: true, mode: 0o700 });
  let access = await readAccess(files);
  if (access === null || (await runningPid(files)) === null) {
    const program = await findProgram();
    if (program === null) {
      log.warn(
        'No Valkey: events go through Postgres alone, more slowly. Neither valkey-server nor redis-server is on PATH; ' +
          'install one (Debian: apt install valkey-server, or redis-server; macOS: brew install valkey), or set VALKEY_URL.',
      );
      return null;
    }
    try {
      access = await configure(files, access);
      await start(files, program, access);
    } catch (error) {
      log.warn(`No Valkey: events go through Postgres alone, more slowly. ${(error as Error).message}`);
      return null;
    }
  }
  const { port, password } = access;
  const supervisor = supervise({
    name: 'The embedded Valkey',
    isRunning: async () => (await runningPid(files)) !== null,
    restart: async () => {
      const program = await findProgram();
      if (program === null) throw new Error('Neither valkey-server nor redis-server is on PATH any more.');
      await start(files, program, { port, password });
    },
    log,
  });
  return {
    // ioredis would read the scheme valkey: as a host name.
    url: `redis://:${password}@127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      await supervisor[Symbol.asyncDispose]();
      const pid = await runningPid(files);
      if (pid !== null) await endServerProcess(pid, files.config, { signal: 'SIGTERM', withinMs: 5_000 });
    },
  };
}

function filesIn(directory: string): Files {
  const base = join(directory, 'valkey');
  return { base, config: join(base, 'valkey.conf'), pidFile: join(base, 'pid'), logFile: join(base, 'log') };
}

/** Removes `<directory>/valkey` with all its data, after ending the server that may still run on it. */
export async function removeEmbeddedValkey(directory: string): Promise<void> {
  const files = filesIn(await realpath(directory));
  const pid = await runningPid(files);
  if (pid !== null) await endServerProcess(pid, files.config, { signal: 'SIGKILL', withinMs: 5_000 });
  await rm(files.base, { recursive: true, force: true });
}

async function findProgram(): Promise<string | null> {
  try {
    const { stdout } = await execute('/bin/sh', ['-c', 'command -v valkey-server || command -v redis-server']);
    return stdout.trim();
  } catch {
    return null;
  }
}

async function runningPid({ pidFile, config }: Files): Promise<number | null> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
  return (await isServerProcess(pid, config)) ? pid : null;
}

async function readAccess({ config }: Files): Promise<Access | null> {
  const text = await readFile(config, 'utf8').catch(() => '');
  const port = /^port (\d+)$/m.exec(text)?.[1];
  const password = /^requirepass (\w+)$/m.exec(text)?.[1];
  return port && password ? { port: Number(port), password } : null;
}

async function configure({ base, config }: Files, earlier: Access | null): Promise<Access> {
  const port = earlier && (await isFree(earlier.port)) ? earlier.port : await findFreePort();
  const password = earlier?.password ?? randomBytes(24).toString('hex');
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(base)}`,
    'appendonly yes',
    'save ""',
    // Keeps the path of this file among the process's arguments, by which we recognise it.
    'set-proc-title no',
  ];
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  return { port, password };
}

async function start({ base, config, pidFile, logFile }: Files, program: string, access: Access): Promise<void> {
  const output = openSync(logFile, 'a', 0o600);
  const child = spawn(program, [config], {
    cwd: base,
    env: { LC_ALL: 'C' },
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  // Synchronous, right after the spawn: a kill -9 in between would leave a server that nobody knows of.
  if (child.pid) writeFileSync(pidFile, String(child.pid));
  child.unref();
  const failure = new AbortController();
  child.once('error', () => failure.abort());
  child.once('exit', () => failure.abort());
  for (const giveUpAt = performance.now() + readyWithinMs; !(await answers(access)); await sleep(10)) {
    if (!failure.signal.aborted && performance.now() < giveUpAt) continue;
    const lastLine = (await readFile(logFile, 'utf8')).trim().split('\n').at(-1);
    throw new Error(`The embedded Valkey did not start (log: ${logFile}): ${lastLine}`);
  }
}

/** Whether the server takes commands; while it loads its file it answers LOADING. */
async function answers({ port, password }: Access): Promise<boolean> {
  return await new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    socket.on('connect', () => socket.write(`AUTH ${password}\r\nPING\r\nQUIT\r\n`));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer.includes('+PONG')));
  });
}
