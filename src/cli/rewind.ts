// `tidings rewind`: everything from a position or a time is sent again to an endpoint, in order.

import { openClient } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { confirm } from './confirm.ts';
import { type ControlOptions, type Controlled, showControlled } from './controlled.ts';
import { counted } from './counted.ts';
import { countRewind, rewindEndpoint } from './documents.ts';
import { backlogText } from './endpoints.ts';
import { notFound } from './failure.ts';
import { momentOf } from './moment.ts';
import { say } from './terminal.ts';

type Counted = { webhookEndpoint: { position: string } | null; rewindCount: number };

/** Returns the exit status: 1 when the answer was no. */
export async function rewind(
  id: string,
  options: ControlOptions & { to: string; yes?: boolean },
  { refuse }: CommandSurroundings,
): Promise<number> {
  const to = /^\d+$/.test(options.to)
    ? { position: options.to }
    : { at: momentOf(options.to, '--to', (usage) => refuse(`${usage}; or a position`)) };
  const client = await openClient(options);
  const { webhookEndpoint, rewindCount } = await client.ask<Counted>(countRewind, { id, to });
  if (webhookEndpoint === null) throw notFound(`endpoint ${id}`);
  const where = to.position === undefined ? to.at : `position ${to.position}`;
  say(
    `${id} is at position ${webhookEndpoint.position}. Sent again, from ${where} on: ${counted(backlogText(rewindCount), 'event')}.`,
  );
  if (!(await confirm('Send them again?', { yes: options.yes, refuse }))) return 1;
  const answer = await client.ask<{ rewindWebhookEndpoint: Controlled }>(rewindEndpoint, { id, to });
  showControlled(answer.rewindWebhookEndpoint, options);
  return 0;
}
