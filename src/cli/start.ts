// `tidings start`: runs the service until it has drained.

import { startService } from '../service.ts';

/**
 * Resolves when the service has drained after `stop`; rejects when it has failed. A stop during the start ends the wait for a
 * database; otherwise it takes effect when the service has started.
 */
export async function start(stop: AbortSignal): Promise<void> {
  const service = await startService(undefined, stop).catch((error: unknown) => {
    if (error === stop.reason) return null;
    throw error;
  });
  if (service === null) return;
  const stopped = Promise.withResolvers<void>();
  stop.addEventListener('abort', () => stopped.resolve());
  if (stop.aborted) stopped.resolve();
  await Promise.race([stopped.promise, service.failed]);
  await service.drain();
}
