// `tidings endpoints`: the state of every endpoint of a running service, and which instance serves it.

import type { ClientOptions } from '../settings/client-settings.ts';
import { type Client, openClient } from './client.ts';
import { listEndpoints } from './documents.ts';
import { type Column, table, when } from './table.ts';
import { isTerminal, printJson, printLines, say } from './terminal.ts';

export type ListedEndpoint = {
  id: string;
  url: string;
  state: string;
  pauseReason: string | null;
  pausedAt: string | null;
  position: string;
  backlog: number;
  oldestUnsettledAt: string | null;
  owner: string | null;
  nextAttemptAt: string | null;
  lastDeliveredAt: string | null;
  lastErrorAt: string | null;
  lastError: string | null;
  givesUpAfter: string | null;
  stats: { gaveUp: number };
};

/** The service counts up to here, see `WebhookEndpoint.backlog`. */
const countedTo = 10_000;

const pageSize = 200;

const columns: readonly Column[] = [
  { head: 'ID' },
  { head: 'STATE' },
  { head: 'POSITION', drop: 4 },
  { head: 'BACKLOG' },
  { head: 'GAVE UP (DAY)', drop: 5 },
  { head: 'OWNER', drop: 7 },
  { head: 'LAST DELIVERED', drop: 6 },
  { head: 'NEXT ATTEMPT', drop: 3 },
  { head: 'LAST ERROR', cut: true, drop: 1 },
];

/** Prints them as a table, or with `json` as a JSON array and nothing else. */
export async function endpoints({ json, ...options }: ClientOptions & { json?: boolean }): Promise<void> {
  const found = await readEndpoints(await openClient(options));
  if (json === true) printJson(found, 2);
  else if (found.length === 0) say('There are no endpoints.');
  else printLines(linesOf(found));
}

export async function readEndpoints(client: Client): Promise<ListedEndpoint[]> {
  const found: ListedEndpoint[] = [];
  for (;;) {
    const after = found.at(-1)?.id ?? null;
    const { webhookEndpoints: page } = await client.ask<{ webhookEndpoints: ListedEndpoint[] }>(listEndpoints, {
      after,
    });
    found.push(...page);
    // Whatever answers, the pages come to an end.
    if (page.length < pageSize || page.at(-1)!.id <= (after ?? '')) return found;
  }
}

function linesOf(found: readonly ListedEndpoint[]): string[] {
  return table(
    columns,
    found.map(({ id, position, backlog, stats, owner, lastDeliveredAt, nextAttemptAt, ...rest }) => [
      id,
      stateOf(rest),
      position,
      backlogText(backlog),
      String(stats.gaveUp),
      owner,
      when(lastDeliveredAt),
      when(nextAttemptAt),
      rest.lastError === null ? null : `${when(rest.lastErrorAt)} ${rest.lastError}`,
    ]),
  );
}

export function backlogText(backlog: number): string {
  return backlog < countedTo ? String(backlog) : `${backlog}+`;
}

export function stateOf({
  state,
  pauseReason,
  pausedAt,
}: Pick<ListedEndpoint, 'state' | 'pauseReason' | 'pausedAt'>): string {
  if (pauseReason === null) return state;
  return `${state} (${pauseReason}${pausedAt === null ? '' : ` ${isTerminal() ? 'for' : 'since'} ${when(pausedAt)}`})`;
}
