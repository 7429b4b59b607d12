// `tidings publish`: records an event of your own.

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { ClientOptions } from '../settings/client-settings.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { openClient } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { publishEvent } from './documents.ts';
import type { ListedEvent } from './events.ts';
import { Failure } from './failure.ts';
import { print, printJson } from './terminal.ts';

export type PublishOptions = ClientOptions & {
  json?: boolean;
  type: string;
  data?: string;
  subject?: string;
  key?: string;
};

export async function publish(options: PublishOptions, { refuse }: CommandSurroundings): Promise<void> {
  const { type, subject, key: idempotencyKey } = options;
  const data = parsed(await readData(options.data ?? '{}'), refuse);
  const client = await openClient(options);
  const event = {
    ...{ type, data },
    ...(subject !== undefined && { subject }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  const answer = await client.ask<{ publishWebhookEvents: [ListedEvent] }>(publishEvent, { event });
  const [recorded] = answer.publishWebhookEvents;
  if (options.json === true) printJson(recorded, 2);
  else print(recorded.id);
}

/** JSON itself, `@` and a file's name, or `-` for stdin. */
async function readData(data: string): Promise<string> {
  if (data === '-') return await text(process.stdin);
  if (!data.startsWith('@')) return data;
  const file = data.slice(1);
  return await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure(`${file} cannot be read (${reasonOf(error)}).`);
  });
}

function parsed(json: string, refuse: (usage: string) => never): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    return refuse(`error: --data is no JSON: ${(error as Error).message}`);
  }
}
