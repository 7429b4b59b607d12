// Preloaded into a service: says over a Unix socket how long its main thread's event loop was held.

import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const path = process.env['WATCHED_LOOP'];

// Not in the processes and threads of the service.
if (isMainThread && path !== undefined && process.argv.includes('start')) {
  const delays = monitorEventLoopDelay({ resolution: 2 });
  delays.enable();
  rmSync(path, { force: true });
  // Whoever connects gets the longest delay since the last one who did, in nanoseconds.
  createServer((socket) => {
    socket.on('error', () => {});
    socket.end(String(delays.max));
    delays.reset();
  })
    .listen(path)
    .unref();
}
