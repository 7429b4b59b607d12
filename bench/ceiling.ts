// The ceiling: what undici alone does with the same bodies in as many threads, with nothing recorded.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Expected } from './backlog.ts';
import type { BenchEndpoint } from './endpoints.ts';
import type { Ground } from './ground.ts';

/** What a thread is to send: each endpoint's events one after another, the endpoints side by side. */
export type CeilingRun = {
  url: string;
  endpoints: { path: string; secret: string; events: Pick<Expected, 'id' | 'position' | 'previous' | 'payload'>[] }[];
};

export type CeilingTime = {
  /** Unix milliseconds, with fractions. */
  startedAtMs: number;
  endedAtMs: number;
  /** Processor microseconds of the thread. */
  cpuUs: number;
};

export type Ceiling = {
  /** Sends the events: the seconds from the first request to the last answer, processor microseconds a request. */
  send(events: readonly Expected[]): Promise<{ seconds: number; cpuUs: number }>;
};

/** The threads live from run to run, and so does what their compiler has learnt. */
export async function openCeiling(
  ground: Ground,
  { url, endpoints, threads }: { url: string; endpoints: readonly BenchEndpoint[]; threads: number },
): Promise<Ceiling> {
  const workers = Array.from({ length: threads }, () => new Worker(new URL('./ceiling-thread.ts', import.meta.url)));
  for (const worker of workers) {
    await ground.open({ [Symbol.asyncDispose]: async () => void (await worker.terminate()) });
  }
  return {
    async send(events) {
      const byType = Map.groupBy(events, ({ type }) => type);
      const lines = endpoints.map(({ path, secret, type }) => ({ path, secret, events: byType.get(type) ?? [] }));
      const times = await Promise.all(
        workers.map(async (worker, thread) => {
          const own = lines.filter((_, index) => index % threads === thread);
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
          worker.postMessage({ url, endpoints: own } satisfies CeilingRun);
          const [time] = (await once(worker, 'message')) as [CeilingTime];
          return time;
        }),
      );
      const startedAtMs = Math.min(...times.map((time) => time.startedAtMs));
      const endedAtMs = Math.max(...times.map((time) => time.endedAtMs));
      const cpuUs = times.reduce((sum, time) => sum + time.cpuUs, 0) / events.length;
      return { seconds: (endedAtMs - startedAtMs) / 1_000, cpuUs };
    },
  };
}
