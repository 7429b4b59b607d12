// `tidings events`: what was recorded, newest first.

import type { ClientOptions } from '../settings/client-settings.ts';
import { openClient } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { listEvents } from './documents.ts';
import { momentOf } from './moment.ts';
import { limitOf, readPages } from './pages.ts';
import { type Column, table, when } from './table.ts';
import { printJson, printLines, say } from './terminal.ts';

export type ListedEvent = {
  id: string;
  type: string;
  position: string | null;
  timestamp: string;
  subject: string | null;
};

export type EventsOptions = ClientOptions & {
  json?: boolean;
  type?: string[];
  subject?: string;
  since?: string;
  until?: string;
  limit?: string;
};

const columns: readonly Column[] = [
  { head: 'ID' },
  { head: 'RECORDED' },
  { head: 'POSITION', drop: 2 },
  { head: 'TYPE', cut: true },
  { head: 'SUBJECT', drop: 1 },
];

export async function events(options: EventsOptions, { refuse }: CommandSurroundings): Promise<void> {
  const { type: types, subject, since, until } = options;
  const filter = {
    ...(types && { types }),
    ...(subject !== undefined && { subject }),
    ...(since !== undefined && { since: momentOf(since, '--since', refuse) }),
    ...(until !== undefined && { until: momentOf(until, '--until', refuse) }),
  };
  const limit = limitOf(options.limit, refuse);
  const rows = await readPages<ListedEvent>(await openClient(options), listEvents, filter, limit);
  if (options.json === true) return printJson(rows, 2);
  if (rows.length === 0) return say('There are no such events.');
  printLines(table(columns, rows.map(rowOf)));
  if (rows.length === limit) say(`There may be more: --limit ${limit * 10} shows older ones.`);
}

function rowOf({ id, type, position, timestamp, subject }: ListedEvent): (string | null)[] {
  return [id, when(timestamp), position, type, subject];
}
