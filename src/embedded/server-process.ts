// Recognises our server's process, and ends it.

import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Whether `pid` runs, has `path` among its arguments, and is of the user who owns that. A pid file outlives its process,
 * and pids are used again; a zombie, which in a container may never be reaped, has no arguments.
 */
export async function isServerProcess(pid: number, path: string): Promise<boolean> {
  const owner = await stat(path).catch(() => null);
  try {
    const { uid, isNamed } = platform() === 'linux' ? await readProc(pid, path) : await askPs(pid, path);
    return isNamed && (owner === null || owner.uid === uid);
  } catch {
    return false;
  }
}

async function readProc(pid: number, path: string): Promise<{ uid: number; isNamed: boolean }> {
  const { uid } = await stat(`/proc/${pid}`);
  return { uid, isNamed: (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').includes(path) };
}

async function askPs(pid: number, path: string): Promise<{ uid: number; isNamed: boolean }> {
  const { stdout } = await run('ps', ['-ww', '-o', 'uid=,command=', '-p', String(pid)]);
  return { uid: Number.parseInt(stdout, 10), isNamed: stdout.includes(path) };
}

/** Signals our server and waits for its end; kills it after `withinMs`. Does nothing when it does not run. */
export async function endServerProcess(
  pid: number,
  path: string,
  { signal, withinMs }: { signal: NodeJS.Signals; withinMs: number },
): Promise<void> {
  if (!(await isServerProcess(pid, path))) return;
  send(pid, signal);
  const killAt = performance.now() + withinMs;
  for (let killed = false; await isServerProcess(pid, path); await sleep(20)) {
    if (killed || performance.now() < killAt) continue;
    send(pid, 'SIGKILL');
    killed = true;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
