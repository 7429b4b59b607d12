// `tidings retry`: a blocked line's next attempt is due now.

import { openClient } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { type ControlOptions, type Controlled, showControlled } from './controlled.ts';
import { retryLine } from './documents.ts';

/** `subject` or `event` names the line of an endpoint that has several. */
export async function retry(
  id: string,
  options: ControlOptions & { subject?: string; event?: string },
  { refuse }: CommandSurroundings,
): Promise<void> {
  if (options.subject !== undefined && options.event !== undefined) refuse('error: give --subject or --event');
  const client = await openClient(options);
  const { subject = null, event: eventId = null } = options;
  const answer = await client.ask<{ retryWebhookLine: Controlled }>(retryLine, { id, subject, eventId });
  showControlled(answer.retryWebhookLine, options);
}
