// `tidings test`: sends a webhook.test event to one endpoint.

import { openClient } from './client.ts';
import type { ControlOptions } from './controlled.ts';
import { sendTest } from './documents.ts';
import type { ListedEvent } from './events.ts';
import { print, printJson, say } from './terminal.ts';

export async function testEndpoint(id: string, options: ControlOptions): Promise<void> {
  const client = await openClient(options);
  const { sendTestWebhook: event } = await client.ask<{ sendTestWebhook: ListedEvent }>(sendTest, { id });
  if (options.json === true) return printJson(event, 2);
  print(event.id);
  say(`It is on its way: tidings event ${event.id}   shows what became of it.`);
}
