// `tidings publish`: records an event of your own.

import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { inexactSentence, parseJson } from '../policy/exact-numbers.ts';
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
async function readData(data: string): Promise<Buffer> {
  if (data === '-') return await buffer(process.stdin);
  if (!data.startsWith('@')) return Buffer.from(data);
  const file = data.slice(1);
  return await readFile(file).catch((error: unknown) => {
    throw new Failure(`${file} cannot be read (${reasonOf(error)}).`);
  });
}

/** Refuses what would be recorded otherwise than it was written. */
function parsed(bytes: Buffer, refuse: (usage: string) => never): unknown {
  if (!isUtf8(bytes)) refuse('error: --data is no UTF-8');
  let read: ReturnType<typeof parseJson>;
  try {
    read = parseJson(bytes.toString());
  } catch (error) {
    return refuse(`error: --data cannot be used: ${(error as Error).message}`);
  }
  const { value, inexact } = read;
  if (inexact === null) return value;
  const path = ['data', inexact.path].filter((part) => part !== '').join('.');
  return refuse(`error: --${inexactSentence({ ...inexact, path })}`);
}
