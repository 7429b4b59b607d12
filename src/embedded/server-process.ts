// Recognises our server's process, and ends it.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Whether `pid` runs and has `path` among its arguments. A pid file outlives its process, and pids are used again; a
 * zombie, which in a container may never be reaped, has no arguments.
 */
export async function isServerProcess(pid: number, path: string): Promise<boolean> {
  try {
    if (platform() === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').includes(path);
    return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout.includes(path);
  } catch {
    return false;
  }
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
