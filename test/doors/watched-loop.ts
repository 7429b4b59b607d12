// Preloaded into a service: says over a Unix socket how long its main thread's event loop was held.

import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const path = process.env['WATCHED_LOOP'];
const resolution = 2;

// Not in the processes and threads of the service.
if (isMainThread && path !== undefined && process.argv.includes('start')) watch(path);

function watch(socketPath: string): void {
  const delays = monitorEventLoopDelay({ resolution });
  delays.enable();
  let before = process.threadCpuUsage();
  let mostBusyUs = 0;
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    mostBusyUs = Math.max(mostBusyUs, user + system);
    before = process.threadCpuUsage();
  }, resolution).unref();

  rmSync(socketPath, { force: true });
  // Whoever connects gets the longest since the last one who did, in ms.
  createServer((socket) => {
    socket.on('error', () => {});
    socket.end(JSON.stringify({ delayMs: delays.max / 1e6, busyMs: mostBusyUs / 1e3 } satisfies Loop));
    delays.reset();
    mostBusyUs = 0;
  })
    .listen(socketPath)
    .unref();
}

/** Of the event loop: its longest delay, and the most processor time that its thread took between two looks at a timer. */
export type Loop = { delayMs: number; busyMs: number };
