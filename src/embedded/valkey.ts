// A Valkey for when no VALKEY_URL is given; it survives a kill -9 of the service.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openPrivateDirectory } from '../settings/private-directory.ts';
import { endServerProcess, isServerProcess } from './server-process.ts';
import { openSocketDirectory, removeShortDirectory } from './socket-directory.ts';
import { type EmbeddedServer, type ServerLog, supervise } from './supervisor.ts';

const execute = promisify(execFile);
const readyWithinMs = 30_000;

type Files = { base: string; config: string; pidFile: string; logFile: string };
type Access = { socket: string; password: string };

const socketFile = 'valkey.sock';

/**
 * Uses the server that runs in `<directory>/valkey`, or starts one there with its append-only file on. It listens on a
 * Unix socket only, which stays the same until disposal, and is restarted if it dies. Null, with a warning, when there is
 * no program for it or it does not start: events then flow through Postgres alone. Throws a StartError when the directory
 * is not ours alone.
 */
export async function openEmbeddedValkey({
  directory,
  log,
}: {
  directory: string;
  log: ServerLog;
}): Promise<EmbeddedServer | null> {
  const files = filesIn(await realpath(directory));
  await openPrivateDirectory(files.base);
  const socket = join(await openSocketDirectory({ base: files.base, file: socketFile }, null), socketFile);
  const earlier = await readFile(files.config, 'utf8').catch(() => '');
  const password = /^requirepass (\w+)$/m.exec(earlier)?.[1] ?? randomBytes(24).toString('hex');
  const access = { socket, password };
  const configuration = configurationOf(access);
  if (earlier !== configuration || (await runningPid(files)) === null) {
    const program = await findValkey();
    if (program === null) {
      log.warn(
        'No Valkey: events go through Postgres alone, more slowly. Neither valkey-server nor redis-server is on PATH; ' +
          'install one (Debian: apt install valkey-server, or redis-server; macOS: brew install valkey), or set VALKEY_URL.',
      );
      return null;
    }
    try {
      // One that runs was started with another configuration: it may listen elsewhere.
      await end(files);
      await writeFile(files.config, configuration, { mode: 0o600 });
      await start(files, program, access);
    } catch (error) {
      log.warn(`No Valkey: events go through Postgres alone, more slowly. ${(error as Error).message}`);
      return null;
    }
  }
  const supervisor = supervise({
    name: 'The embedded Valkey',
    isRunning: async () => (await runningPid(files)) !== null,
    restart: async () => {
      const program = await findValkey();
      if (program === null) throw new Error('Neither valkey-server nor redis-server is on PATH any more.');
      await start(files, program, access);
    },
    log,
  });
  return {
    // As ioredis has it.
    url: `${socket}?password=${password}`,
    [Symbol.asyncDispose]: async () => {
      await supervisor[Symbol.asyncDispose]();
      await end(files);
      await removeShortDirectory(files.base);
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
  if (pid !== null) await endServerProcess(pid, files.base, { signal: 'SIGKILL', withinMs: 5_000 });
  await removeShortDirectory(files.base);
  await rm(files.base, { recursive: true, force: true });
}

async function end(files: Files): Promise<void> {
  const pid = await runningPid(files);
  if (pid !== null) await endServerProcess(pid, files.base, { signal: 'SIGTERM', withinMs: 5_000 });
}

/** The program on PATH, of whichever name. */
export async function findValkey(): Promise<string | null> {
  try {
    // Where PATH names the working directory, what lies there is none of ours.
    const look = 'command -v valkey-server || command -v redis-server';
    return (await execute('/bin/sh', ['-c', look], { cwd: '/' })).stdout.trim();
  } catch {
    return null;
  }
}

async function runningPid({ pidFile, base }: Files): Promise<number | null> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
  return (await isServerProcess(pid, base)) ? pid : null;
}

function configurationOf({ socket, password }: Access): string {
  const lines = [
    // No TCP at all.
    'port 0',
    `unixsocket ${quoted(socket)}`,
    'unixsocketperm 700',
    `requirepass ${password}`,
    'appendonly yes',
    'save ""',
    // Keeps its directory among the process's arguments, by which we recognise it.
    'set-proc-title no',
  ];
  return `${lines.join('\n')}\n`;
}

/** In Valkey's own form, where any byte may be written by its number. */
function quoted(text: string): string {
  const bytes = [...Buffer.from(text)].map((byte) => {
    const isPlain = byte > 0x1f && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    return isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `"${bytes.join('')}"`;
}

async function start({ base, config, pidFile, logFile }: Files, program: string, access: Access): Promise<void> {
  const output = openSync(
    logFile,
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW,
    0o600,
  );
  // By its input: it would take the name of a file for a pattern, and where that has a ? or a [ start without a password.
  const input = openSync(config, constants.O_RDONLY | constants.O_NOFOLLOW);
  const child = spawn(program, ['-', '--dir', base], {
    cwd: base,
    env: { LC_ALL: 'C' },
    detached: true,
    stdio: [input, output, output],
  });
  closeSync(output);
  closeSync(input);
  // Synchronous, right after the spawn: a kill -9 in between would leave a server that nobody knows of.
  if (child.pid) writeFileSync(pidFile, String(child.pid), { mode: 0o600 });
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
async function answers({ socket: path, password }: Access): Promise<boolean> {
  return await new Promise((resolve) => {
    let answer = '';
    const socket = connect({ path, timeout: 1_000 });
    socket.on('connect', () => socket.write(`AUTH ${password}\r\nPING\r\nQUIT\r\n`));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer.includes('+PONG')));
  });
}
