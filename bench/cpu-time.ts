// Whose processor time a run took, from /proc: it says where time goes, also on a busy machine.

import { readFile, readdir } from 'node:fs/promises';
import type { MikroORM } from '@mikro-orm/postgresql';

/** Microseconds of user and system time by part. */
export type CpuTime = Record<string, number>;

/** Linux counts in hundredths of a second (USER_HZ), whatever its own clock. */
const usOfTick = 10_000;

/** Reads what everything that takes part has used so far. */
export type Meter = {
  read(): Promise<CpuTime>;
  /** The same and the threads of one more process. */
  with(pid: number, name: string): Meter;
};

/** `whole` are processes by name; of `byThread` each thread counts by itself; of Postgres each backend by its name. */
export function createMeter(
  orm: MikroORM | null,
  whole: Readonly<Record<string, number>>,
  byThread: readonly { pid: number; name: string }[] = [],
): Meter {
  return {
    with: (pid, name) => createMeter(orm, whole, [...byThread, { pid, name }]),
    async read() {
      const times: CpuTime = {};
      const add = (name: string, us: number) => (times[name] = (times[name] ?? 0) + us);
      for (const { pid, name } of byThread) {
        for (const [thread, us] of Object.entries(await cpuOfThreads(pid))) add(`${name}: ${thread}`, us);
      }
      for (const [name, pid] of Object.entries(whole)) add(name, await cpuOfProcess(pid));
      for (const { pid, name } of await backendsOf(orm)) add(`postgres: ${name}`, await cpuOfProcess(pid));
      return times;
    },
  };
}

async function backendsOf(orm: MikroORM | null): Promise<{ pid: number; name: string }[]> {
  if (!orm) return [];
  return await orm.em
    .fork()
    .execute(`select pid, coalesce(nullif(application_name, ''), backend_type) as name from pg_stat_activity`);
}

/** What was used between two readings for each of `count`, in tenths of a microsecond; parts that used nothing are left out. */
export function costOf(before: CpuTime, after: CpuTime, count: number): CpuTime {
  const costs = Object.entries(after).map(
    ([name, us]) => [name, Math.round(((us - (before[name] ?? 0)) / count) * 10) / 10] as const,
  );
  return Object.fromEntries(costs.filter(([, us]) => us > 0));
}

/** A process whole, since it began. */
export async function cpuOfProcess(pid: number): Promise<number> {
  return await ticksOf(`/proc/${pid}/stat`);
}

/** The threads of a process by name: Node's main thread is as its program, the workers bear their own names. */
async function cpuOfThreads(pid: number): Promise<CpuTime> {
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
