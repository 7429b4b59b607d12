// `tidings start`: the service, from its start to the end of its drain.

import { startService } from '../service.ts';

/** Resolves when the service has drained after `stop`; a stop during the start waits for the start's end. */
export async function start(stop: AbortSignal): Promise<void> {
  const service = await startService();
  const stopped = Promise.withResolvers<void>();
  stop.addEventListener('abort', () => stopped.resolve());
  if (stop.aborted) stopped.resolve();
  await stopped.promise;
  await service.drain();
}
