// `tidings deliveries`: attempts, newest first; with --follow also those to come, as they are recorded.

import type { ClientOptions } from '../settings/client-settings.ts';
import { type Client, openClient, persistently } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { followDeliveries, followWithSubjects, knowsEndpoint, listDeliveries } from './documents.ts';
import { notFound } from './failure.ts';
import { momentOf } from './moment.ts';
import { largestLimit } from './options.ts';
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
  // Without a limit of its own --follow shows all: nothing is to be missing.
  const limit = follow === true && options.limit === undefined ? largestLimit : limitOf(options.limit, refuse);
  const client = await openClient(options);
  if (endpoint !== undefined) await demandEndpoint(client, endpoint);
  if (follow === true) return await followThem(client, filter, { ...options, limit });
  const rows = await readPages<ListedDelivery>(client, listDeliveries, filter, limit);
  if (options.json === true) return printJson(rows, 2);
  if (rows.length === 0) return say('There are no such deliveries.');
  printLines(deliveryTable(rows));
  if (rows.length === limit) say(`There may be more: --limit ${limit * 10} shows older ones.`);
}

/** One that is gone still has its deliveries. */
async function demandEndpoint(client: Client, id: string): Promise<void> {
  const { there, page } = await client.ask<{ there: object | null; page: { nodes: object[] } }>(knowsEndpoint, { id });
  if (there === null && page.nodes.length === 0) throw notFound(`endpoint ${id}`);
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
type FollowOptions = ClientOptions & { json?: boolean; limit: number };

/** What was listed may have been recorded so long after its attempt began. */
const attemptMs = 10 * 60_000;
const mostKnown = 10_000;
const firstKnown = 200;

/**
 * The tail filters by endpoint and status alone. With --since first those that are there, oldest first. A connection that ends
 * before anything came left no cursor: what came meanwhile is listed then.
 */
async function followThem(first: Client, filter: Filter, { json, limit, ...options }: FollowOptions): Promise<void> {
  const { endpointId = null, status = null, eventType, subject } = filter;
  const known = new Set<string>();
  let after: string | null = null;
  let from = filter.since ?? new Date(Date.now() - attemptMs).toISOString();

  function show(row: ListedDelivery): void {
    if (known.has(row.id)) return;
    known.add(row.id);
    if (known.size > mostKnown) known.delete(known.values().next().value!);
    if (json === true) printJson(row);
    else print(lineOf(row));
  }

  if (filter.since === undefined) {
    const there = await readPages<ListedDelivery>(first, listDeliveries, { ...filter, since: from }, firstKnown);
    for (const { id } of there) known.add(id);
    if (there.length === firstKnown) from = there.at(-1)!.createdAt;
  }
  const recorded = persistently<Followed>(subject === undefined ? followDeliveries : followWithSubjects, {
    connect: async (isFirst) => (isFirst ? first : await openClient(options, { isSaid: false })),
    variables: () => ({ endpointId, status, after }),
    async opened(client) {
      if (after !== null) return;
      const rows = await readPages<ListedDelivery>(client, listDeliveries, { ...filter, since: from }, limit);
      if (rows.length === limit) say(`These are the newest ${limit}: --limit ${limit * 10} shows more.`);
      for (const row of rows.toReversed()) show(row);
    },
    lost: () => (after = null),
  });
  for await (const { webhookDeliveryRecorded: one } of recorded) {
    after = one.cursor;
    const { event, ...row } = one.delivery;
    const isWanted =
      (eventType === undefined || row.eventType === eventType) && (subject === undefined || event?.subject === subject);
    if (isWanted) show(row);
    const began = new Date(Date.parse(row.createdAt) - attemptMs).toISOString();
    if (began > from) from = began;
  }
}

/** One line, since the widths of what is to come are not known. */
function lineOf(row: ListedDelivery): string {
  const http = row.httpStatus === null ? '-' : String(row.httpStatus);
  const error = row.errorMessage === null || row.errorMessage === `HTTP ${http}` ? '' : `  ${row.errorMessage}`;
  return `${row.createdAt}  ${row.status.padEnd(9)}  ${http.padEnd(3)}  ${row.endpointId}  ${row.eventType}  ${row.id}${error}`;
}
