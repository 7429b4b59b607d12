// Leaves a line in the log for each thing that an admin does to endpoints, with who did it.

import type { Logger } from '../../telemetry/logger.ts';
import type { Endpoints } from './builder.ts';

/** `by` gives who asks: a user's id, or the name of a token. */
export function logged(endpoints: Endpoints, { by, log }: { by(): Promise<string>; log: Logger }): Endpoints {
  /** What was done is told also when the database cannot say any more who did it. */
  async function note(fields: object, message: string): Promise<void> {
    log.info({ ...fields, by: await by().catch(() => 'unknown') }, message);
  }

  return {
    inForce: endpoints.inForce,
    inForceAs: endpoints.inForceAs,
    rewindCount: endpoints.rewindCount,
    async pause(id) {
      await endpoints.pause(id);
      await note({ endpoint_id: id }, 'an endpoint was paused');
    },
    async resume(id) {
      await endpoints.resume(id);
      await note({ endpoint_id: id }, 'an endpoint was resumed');
    },
    async rewind(id, to) {
      await endpoints.rewind(id, to);
      await note({ endpoint_id: id, to: to.position ?? to.at }, 'an endpoint was rewound');
    },
    async replay(wish, options) {
      const events = await endpoints.replay(wish, options);
      if (options.dryRun) return events;
      const what = 'deliveryIds' in wish ? { deliveries: wish.deliveryIds.length } : wish.asked;
      await note({ ...what, events }, 'failed deliveries were queued to be sent again');
      return events;
    },
    async cancelReplays(id) {
      const events = await endpoints.cancelReplays(id);
      await note({ endpoint_id: id, events }, 'replays were cancelled');
      return events;
    },
    async retryLine(id, line) {
      await endpoints.retryLine(id, line);
      await note({ endpoint_id: id }, 'a blocked line was made due');
    },
    async skipEvent(id, eventId) {
      await endpoints.skipEvent(id, eventId);
      await note({ endpoint_id: id, event_id: eventId }, 'a blocked event was skipped');
    },
    async sendTest(id) {
      const event = await endpoints.sendTest(id);
      await note({ endpoint_id: id, event_id: event.id }, 'a test was recorded');
      return event;
    },
    async reload(options) {
      const reload = await endpoints.reload(options);
      if (options.dryRun) return reload;
      const { applied, added, changed, removed, dropped, errors } = reload;
      if (applied) await note({ added, changed, removed, dropped }, 'a reload was accepted');
      else await note({ errors: errors.slice(0, mostErrors) }, 'a reload was refused');
      return reload;
    },
  };
}

/** A file can have a thousand problems, and whoever asked was told them all. */
const mostErrors = 10;
