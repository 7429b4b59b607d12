// How much a running service was held up: its event loop, its memory, and its deliveries.

import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

export type Held = {
  /** The longest delay of the main thread's event loop. */
  loopMs: number;
  /** The most that it held in memory. */
  peakMib: number;
};

export type Watch = {
  /** The memory it holds now. */
  restMib(): Promise<number>;
  /** What happened while `work` ran. */
  during(work: () => Promise<void>): Promise<Held>;
};

/** `pid`: of a service with `watched-loop.ts`, which listens at `path`. */
export function watchService({ pid, path }: { pid: number; path: string }): Watch {
  async function mebibytes(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    return Number(kibibytes) / 1024;
  }

  const longestDelayMs = async () => Number(await text(connect(path))) / 1e6;

  return {
    restMib: () => mebibytes('VmRSS'),
    async during(work) {
      // Linux, proc(5): 5 makes the present memory the highest.
      await writeFile(`/proc/${pid}/clear_refs`, '5');
      await longestDelayMs();
      await work();
      return { loopMs: await longestDelayMs(), peakMib: await mebibytes('VmHWM') };
    },
  };
}
