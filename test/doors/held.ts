// How much a running service was held up: its event loop, its memory, and its deliveries.

import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Loop } from './watched-loop.ts';

export type Held = Loop & {
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

  const longest = async () => JSON.parse(await text(connect(path))) as Loop;

  return {
    restMib: () => mebibytes('VmRSS'),
    async during(work) {
      // Linux, proc(5): 5 makes the present memory the highest.
      await writeFile(`/proc/${pid}/clear_refs`, '5');
      await longest();
      await work();
      return { ...(await longest()), peakMib: await mebibytes('VmHWM') };
    },
  };
}
