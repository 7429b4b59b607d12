// Blocked lines: what an endpoint waits for, and since when.

import { builder } from './builder.ts';
import { type Connection, type ConnectionArgs, pageOf } from './connection.ts';
import type { BlockedLine as Line } from './read-blocked-lines.ts';
import { WebhookEvent } from './webhook-event.ts';

export const BlockedLine = builder.objectRef<Line>('BlockedLine').implement({
  description:
    'A line that waits for a retry or is held: nothing behind its first event is sent before that is settled.',
  fields: (t) => ({
    endpointId: t.exposeID('endpointId', { description: "The endpoint's id." }),
    subject: t.string({
      nullable: true,
      description: 'The subject whose line it is; null for the line of a whole endpoint.',
      resolve: () => null,
    }),
    event: t.field({
      type: WebhookEvent,
      description: 'The event at its head.',
      resolve: async ({ id }, _args, { loaders }) => (await loaders.eventById.load(id))!,
    }),
    since: t.expose('since', { type: 'DateTime', description: 'When the first attempt of that event failed.' }),
    attempts: t.exposeInt('attempts', {
      description: 'Attempts since its budget began; 0 when it was resumed and not tried again yet.',
    }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the next attempt is due. Null when it is held or its endpoint is paused, and when it is due at once after a resume.',
    }),
    lastError: t.exposeString('lastError', { description: "The last failed attempt's message." }),
  }),
});

export const BlockedLineConnection = builder.connectionObject(
  { type: BlockedLine, name: 'BlockedLineConnection', description: 'A page of blocked lines.' },
  { name: 'BlockedLineEdge', description: 'A blocked line and its cursor.' },
);

/** A page of lines that are all in memory. */
export async function pageOfLines(args: ConnectionArgs, lines: readonly Line[]): Promise<Connection<Line>> {
  return await pageOf<Line>(args, {
    kind: 'blocked',
    find: ({ $lt, $lte, $gt, $gte }, _order, limit) => {
      const within = lines.filter(
        ({ id }) =>
          ($lt === undefined || id < $lt) &&
          ($lte === undefined || id <= $lte) &&
          ($gt === undefined || id > $gt) &&
          ($gte === undefined || id >= $gte),
      );
      return Promise.resolve(within.slice(0, limit));
    },
    count: () => Promise.resolve(lines.length),
  });
}
