// `tidings skip`: gives up the event at the head of a blocked line, so that the line goes on.

import { openClient } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { confirm } from './confirm.ts';
import { type ControlOptions, type Controlled, showControlled } from './controlled.ts';
import { oneEvent, skipEvent } from './documents.ts';
import type { WholeEvent } from './event.ts';
import { notFound } from './failure.ts';
import { say } from './terminal.ts';

/** Returns the exit status: 1 when the answer was no. */
export async function skip(
  id: string,
  eventId: string,
  options: ControlOptions & { yes?: boolean },
  { refuse }: CommandSurroundings,
): Promise<number> {
  const client = await openClient(options);
  const { webhookEvent: event } = await client.ask<{ webhookEvent: WholeEvent | null }>(oneEvent, { id: eventId });
  if (event === null) throw notFound(`event ${eventId}`);
  const last = event.deliveries.findLast(({ endpointId }) => endpointId === id);
  say(`${id} will never get ${event.type} ${event.id}, position ${event.position}.`);
  if (last) say(`Its last attempt: ${last.errorMessage ?? last.status}`);
  if (!(await confirm('Give it up?', { yes: options.yes, refuse }))) return 1;
  const answer = await client.ask<{ skipWebhookEvent: Controlled }>(skipEvent, { id, eventId: event.id });
  showControlled(answer.skipWebhookEvent, options);
  return 0;
}
