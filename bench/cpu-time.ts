// Whose processor time a run took, from /proc: it says where time goes, also on a busy machine.

import { readFile, readdir } from 'node:fs/promises';

/** Microseconds of user and system time by part. */
export type CpuTime = Record<string, number>;

/** Linux counts in hundredths of a second (USER_HZ), whatever its own clock. */
const usOfTick = 10_000;

/** A process whole. */
export async function cpuOfProcess(pid: number): Promise<number> {
  return await ticksOf(`/proc/${pid}/stat`);
}

/** The threads of a process by name: Node's main thread is as its program, the workers bear their own names. */
export async function cpuOfThreads(pid: number): Promise<CpuTime> {
  const times: CpuTime = {};
  for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const name = (await readFile(`/proc/${pid}/task/${thread}/comm`, 'utf8').catch(() => '')).trim();
    times[name] = (times[name] ?? 0) + (await ticksOf(`/proc/${pid}/task/${thread}/stat`));
  }
  return times;
}

/** utime and stime, fields 14 and 15 of proc_pid_stat(5); 0 where there is no such process, or no /proc. */
async function ticksOf(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '');
  // The name, in parentheses, may hold blanks.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * usOfTick;
}
