// `tidings deliveries`: attempts, newest first; with --follow also those to come, as they are recorded.

import type { ClientOptions } from '../settings/client-settings.ts';
import { type Client, openClient, persistently } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { followDeliveries, followWithSubjects, listDeliveries } from './documents.ts';
import { momentOf } from './moment.ts';
import { limitOf, readPages } from './pages.ts';
import { type Column, table, when } from './table.ts';
import { print, printJson, printLines, say } from './terminal.ts';

export type ListedDelivery = {
  id: string;
  eventId: string;
  eventType: string;
  endpointId: string;
  status: string;
  httpStatus: number | null;
  errorMessage: string | null;
  attemptCount: number;
  latencyMs: number | null;
  createdAt: string;
  completedAt: string | null;
  nextAttemptAt: string | null;
  origin: string;
};

export type DeliveriesOptions = ClientOptions & {
  json?: boolean;
  endpoint?: string;
  status?: string;
  type?: string;
  subject?: string;
  since?: string;
  until?: string;
  limit?: string;
  follow?: boolean;
};

const columns: readonly Column[] = [
  { head: 'ID' },
  { head: 'BEGUN' },
  { head: 'STATUS' },
  { head: 'HTTP', drop: 2 },
  { head: 'ENDPOINT' },
  { head: 'TYPE', cut: true, drop: 3 },
  { head: 'ATTEMPT', drop: 5 },
  { head: 'MS', drop: 4 },
  { head: 'ERROR', cut: true, drop: 1 },
];

export async function deliveries(options: DeliveriesOptions, surroundings: CommandSurroundings): Promise<void> {
  const { refuse } = surroundings;
  const { endpoint, type, subject, since, until, follow } = options;
  if (follow === true && until !== undefined) refuse('error: --follow goes on, and --until ends: give one of them');
  const filter = {
    ...(endpoint !== undefined && { endpointId: endpoint }),
    ...(options.status !== undefined && { status: options.status.toUpperCase() }),
    ...(type !== undefined && { eventType: type }),
    ...(subject !== undefined && { subject }),
    ...(since !== undefined && { since: momentOf(since, '--since', refuse) }),
    ...(until !== undefined && { until: momentOf(until, '--until', refuse) }),
  };
  const limit = limitOf(options.limit, refuse);
  const client = await openClient(options);
  if (follow === true) return await followThem(client, filter, { ...options, limit });
  const rows = await readPages<ListedDelivery>(client, listDeliveries, filter, limit);
  if (options.json === true) return printJson(rows, 2);
  if (rows.length === 0) return say('There are no such deliveries.');
  printLines(deliveryTable(rows));
  if (rows.length === limit) say(`There may be more: --limit ${limit * 10} shows older ones.`);
}

export function deliveryTable(rows: readonly ListedDelivery[]): string[] {
  return table(
    columns,
    rows.map((row) => [
      row.id,
      when(row.createdAt),
      row.status,
      row.httpStatus === null ? null : String(row.httpStatus),
      row.endpointId,
      row.eventType,
      String(row.attemptCount),
      row.latencyMs === null ? null : row.latencyMs.toFixed(1),
      row.errorMessage,
    ]),
  );
}

type Filter = { endpointId?: string; status?: string; eventType?: string; subject?: string; since?: string };
type Followed = {
  webhookDeliveryRecorded: { cursor: string; delivery: ListedDelivery & { event?: { subject: string | null } | null } };
};

/** The tail filters by endpoint and status alone. With --since first those that are there, oldest first. */
async function followThem(
  client: Client,
  filter: Filter,
  { json, limit }: { json?: boolean; limit: number },
): Promise<void> {
  const { endpointId = null, status = null, eventType, subject } = filter;
  const show = (row: ListedDelivery) => (json === true ? printJson(row) : print(lineOf(row)));
  let after: string | null = null;
  const document = subject === undefined ? followDeliveries : followWithSubjects;
  const { promise: isOpen, resolve: opened } = Promise.withResolvers<void>();
  const recorded = persistently<Followed>(client, document, {
    variables: () => ({ endpointId, status, after }),
    opened,
  });
  let next = recorded.next();
  const shown = new Set<string>();
  if (filter.since !== undefined) {
    // It is open before the list is read, so that nothing is missing between the two.
    await Promise.race([isOpen, next]);
    const rows = await readPages<ListedDelivery>(client, listDeliveries, filter, limit);
    if (rows.length === limit) say(`There may be older ones: --limit ${limit * 10} shows more.`);
    for (const row of rows.toReversed()) {
      shown.add(row.id);
      show(row);
    }
  }
  for (;;) {
    const { webhookDeliveryRecorded: one } = (await next).value;
    after = one.cursor;
    const { event, ...row } = one.delivery;
    const isWanted =
      (eventType === undefined || row.eventType === eventType) && (subject === undefined || event?.subject === subject);
    if (isWanted && !shown.delete(row.id)) show(row);
    next = recorded.next();
  }
}

/** One line, since the widths of what is to come are not known. */
function lineOf(row: ListedDelivery): string {
  const http = row.httpStatus === null ? '-' : String(row.httpStatus);
  const error = row.errorMessage === null || row.errorMessage === `HTTP ${http}` ? '' : `  ${row.errorMessage}`;
  return `${row.createdAt}  ${row.status.padEnd(9)}  ${http.padEnd(3)}  ${row.endpointId}  ${row.eventType}  ${row.id}${error}`;
}
