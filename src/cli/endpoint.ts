// `tidings endpoint`: everything about one endpoint, and what to do when it is stuck.

import type { ClientOptions } from '../settings/client-settings.ts';
import { openClient } from './client.ts';
import { counted } from './counted.ts';
import { oneEndpoint } from './documents.ts';
import { type ListedEndpoint, backlogText, stateOf } from './endpoints.ts';
import { notFound } from './failure.ts';
import { type Column, fields, table, when } from './table.ts';
import { printJson, printLines, say } from './terminal.ts';

type BlockedLine = {
  subject: string | null;
  event: { id: string; type: string; timestamp: string };
  since: string;
  attempts: number;
  nextAttemptAt: string | null;
  lastError: string;
};

type Endpoint = ListedEndpoint & {
  description: string | null;
  events: string[];
  ordering: string;
  maxRetries: number;
  rateLimit: string | null;
  pendingReplays: number;
  day: {
    attempts: number;
    delivered: number;
    failed: number;
    gaveUp: number;
    latencyP50Ms: number | null;
    latencyP95Ms: number | null;
    latencyP99Ms: number | null;
  };
  blocked: { nodes: BlockedLine[]; totalCount: number };
};

const columns: readonly Column[] = [
  { head: 'BLOCKED EVENT' },
  { head: 'TYPE', cut: true, drop: 3 },
  { head: 'SUBJECT', cut: true, drop: 2 },
  { head: 'SINCE', drop: 4 },
  { head: 'ATTEMPTS' },
  { head: 'NEXT ATTEMPT' },
  { head: 'LAST ERROR', cut: true, drop: 1 },
];

export async function endpoint(id: string, { json, ...options }: ClientOptions & { json?: boolean }): Promise<void> {
  const client = await openClient(options);
  const { webhookEndpoint: found } = await client.ask<{ webhookEndpoint: Endpoint | null }>(oneEndpoint, { id });
  if (found === null) throw notFound(`endpoint ${id}`);
  if (json === true) return printJson(found, 2);
  printLines(fields(valuesOf(found)));
  const { nodes, totalCount } = found.blocked;
  if (nodes.length > 0) {
    printLines(['', ...table(columns, nodes.map(rowOf))]);
    if (totalCount > nodes.length) say(`These are the first ${nodes.length} of ${totalCount} blocked lines.`);
  }
  for (const line of advice(found)) say(line);
}

function valuesOf(found: Endpoint): (readonly [string, string | null])[] {
  const { day } = found;
  const latencies = [day.latencyP50Ms, day.latencyP95Ms, day.latencyP99Ms].map((ms) => ms?.toFixed(1) ?? '-');
  return [
    ['id', found.id],
    ['url', found.url],
    ['description', found.description],
    ['state', stateOf(found)],
    ['events', found.events.join(' ')],
    ['ordering', found.ordering],
    ['gives up after', found.givesUpAfter ?? 'never: it holds the event'],
    ['rate limit', found.rateLimit],
    ['position', found.position],
    ['backlog', backlogText(found.backlog)],
    ['oldest waits since', found.oldestUnsettledAt],
    ['next attempt', found.nextAttemptAt],
    ['last delivered', found.lastDeliveredAt],
    ['last error', found.lastError === null ? null : `${found.lastError} (${found.lastErrorAt})`],
    ['waiting replays', found.pendingReplays === 0 ? null : String(found.pendingReplays)],
    ['served by', found.owner],
    [
      'last day',
      `${counted(day.attempts, 'attempt')}: ${day.delivered} delivered, ${day.failed} failed; ${counted(day.gaveUp, 'event')} given up`,
    ],
    [
      'latency of a day',
      day.attempts === 0 ? null : `p50 ${latencies[0]} ms, p95 ${latencies[1]} ms, p99 ${latencies[2]} ms`,
    ],
  ];
}

function rowOf(line: BlockedLine): (string | null)[] {
  const next = line.nextAttemptAt === null ? 'held' : when(line.nextAttemptAt);
  return [line.event.id, line.event.type, line.subject, when(line.since), String(line.attempts), next, line.lastError];
}

/** What a person can do. */
function advice({ id, state, pauseReason, blocked }: Endpoint): string[] {
  const [first] = blocked.nodes;
  const lines: string[] = [];
  if (state === 'PAUSED') {
    lines.push(`It is paused (${pauseReason}), and nothing is sent: tidings resume ${id}   goes on.`);
  }
  if (first === undefined) return lines;
  lines.push(`tidings deliveries --endpoint ${id} --limit 1   shows what it answered last.`);
  if (state !== 'PAUSED') lines.push(`tidings retry ${id}   tries the blocked event at once.`);
  lines.push(`tidings event ${first.event.id}   shows it.`);
  lines.push(`tidings skip ${id} ${first.event.id}   gives it up.`);
  return lines;
}
