// Which processes live, and the end of those of a directory, whoever started them: that work in it or name it.

import { execFile } from 'node:child_process';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';

const run = promisify(execFile);
const isLinux = platform() === 'linux';
const dataOfPostgres = '/postgres/data';

/**
 * Ends, as by kill -9, every process that works in the directory or has it in an argument, and resolves when they have
 * ended, with whether there were any. A Postgres is left: it is told to end, lest it leave shared memory behind.
 */
export async function endProcessesIn(directory: string): Promise<boolean> {
  let some = false;
  await eventually(async () => {
    const pids = await processesIn(directory);
    some ||= pids.length > 0;
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  });
  return some;
}

/** A zombie, which nobody may ever reap in a container, does not live. */
export async function isAlive(pid: number): Promise<boolean> {
  const all = isLinux ? [await readOne(pid)] : await askPs();
  return all.some((one) => one.pid === pid && one.says !== '');
}

async function processesIn(directory: string): Promise<number[]> {
  const all = isLinux ? await readProc() : await askPs();
  return all
    .filter(({ pid, says }) => pid !== process.pid && says.includes(directory) && !says.includes(dataOfPostgres))
    .map(({ pid }) => pid);
}

/** A process with its arguments and, where that is known, its working directory. */
type Seen = { pid: number; says: string };

async function readProc(): Promise<Seen[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  return await Promise.all(pids.map(readOne));
}

/** A zombie has neither, and those of others are not to be read. */
async function readOne(pid: number): Promise<Seen> {
  const parts = [readFile(`/proc/${pid}/cmdline`, 'utf8'), readlink(`/proc/${pid}/cwd`)];
  const said = await Promise.all(parts.map((part) => part.catch(() => '')));
  return { pid, says: said.join('') };
}

async function askPs(): Promise<Seen[]> {
  const { stdout } = await run('ps', ['-axww', '-o', 'pid=,command=']);
  return stdout.split('\n').map((line) => ({ pid: Number.parseInt(line, 10), says: line }));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
