// Preloaded into every thread of a service: says that it begins, and harms a delivery thread when the request for a certain path is on the wire.

import { subscribe } from 'node:diagnostics_channel';
import { isMainThread } from 'node:worker_threads';

/** What a thread says when it begins. */
export const born = 'a thread begins';

/** How long a stalled thread does nothing else. */
export const stallMs = 2_000;

/** By the first segment of the request's path. */
const harms: Record<string, () => void> = {
  'late-throw': () =>
    setImmediate(() => {
      throw new Error('thrown where nobody catches it');
    }),
  rejection: () => void Promise.reject(new Error('nobody waits for it')),
  memory: () =>
    setImmediate(() => {
      for (const hog: number[][] = []; ;) hog.push(Array.from({ length: 100_000 }, Math.random));
    }),
  stall: () =>
    setImmediate(() => {
      for (const endAt = performance.now() + stallMs; performance.now() < endAt;);
    }),
};

if (!isMainThread) {
  process.stdout.write(`${JSON.stringify({ level: 'info', msg: born })}\n`);
  subscribe('undici:client:sendHeaders', (message) => {
    const { request } = message as { request: { path: string } };
    harms[request.path.split('/')[1]!]?.();
  });
}
