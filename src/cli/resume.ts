// `tidings resume`: a paused endpoint goes on where it stopped.

import { openClient } from './client.ts';
import { type ControlOptions, type Controlled, showControlled } from './controlled.ts';
import { resumeEndpoint } from './documents.ts';

export async function resume(id: string, options: ControlOptions): Promise<void> {
  const client = await openClient(options);
  const answer = await client.ask<{ resumeWebhookEndpoint: Controlled }>(resumeEndpoint, { id });
  showControlled(answer.resumeWebhookEndpoint, options);
}
