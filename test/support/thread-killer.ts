// Preloaded into every thread of a service: ends a delivery thread when the request for a certain path is on the wire.

import { subscribe } from 'node:diagnostics_channel';
import { isMainThread } from 'node:worker_threads';

/** Requests to a path that begins with this are the death of their thread, once they are sent. */
const deadly = '/poison';

if (!isMainThread) {
  subscribe('undici:client:sendHeaders', (message) => {
    const { request } = message as { request: { path: string } };
    // In a thread this ends the thread alone.
    if (request.path.startsWith(deadly)) setImmediate(() => process.exit(3));
  });
}
