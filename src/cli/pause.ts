// `tidings pause`: an endpoint gets nothing more, and keeps its place.

import { openClient } from './client.ts';
import { type ControlOptions, type Controlled, showControlled } from './controlled.ts';
import { pauseEndpoint } from './documents.ts';

export async function pause(id: string, options: ControlOptions): Promise<void> {
  const client = await openClient(options);
  const answer = await client.ask<{ pauseWebhookEndpoint: Controlled }>(pauseEndpoint, { id });
  showControlled(answer.pauseWebhookEndpoint, options);
}
