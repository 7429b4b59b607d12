// `tidings endpoints`: the state of every endpoint of a running service, and which instance serves it.

import type { ClientOptions } from '../settings/client-settings.ts';
import { type Client, openClient } from './client.ts';
import { table } from './table.ts';
import { print, printJson, printed } from './terminal.ts';

type Endpoint = {
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

/** The most that the service gives at once. */
const pageSize = 200;

const query = `query ($after: ID) {
  webhookEndpoints(first: ${pageSize}, after: $after) {
    id url state pauseReason pausedAt position backlog oldestUnsettledAt owner nextAttemptAt
    lastDeliveredAt lastErrorAt lastError givesUpAfter stats(window: DAY) { gaveUp }
  }
}`;

/** The service counts up to here, see `WebhookEndpoint.backlog`. */
const countedTo = 10_000;

/** Prints them as a table, or with `json` as a JSON array and nothing else. */
export async function endpoints({ json, ...options }: ClientOptions & { json?: boolean }): Promise<void> {
  const client = await openClient(options);
  const found = await all(client);
  if (json === true) printJson(found, 2);
  else for (const line of linesOf(found)) print(line);
  await printed();
}

/** Page by page, until one is not full. */
async function all(client: Client): Promise<Endpoint[]> {
  const found: Endpoint[] = [];
  for (;;) {
    const after = found.at(-1)?.id ?? null;
    const { webhookEndpoints: page } = await client.ask<{ webhookEndpoints: Endpoint[] }>(query, { after });
    found.push(...page);
    // Whatever answers, the pages come to an end.
    if (page.length < pageSize || page.at(-1)!.id <= (after ?? '')) return found;
  }
}

function linesOf(found: readonly Endpoint[]): string[] {
  if (found.length === 0) return ['There are no endpoints.'];
  return table(
    ['ID', 'STATE', 'POSITION', 'BACKLOG', 'GAVE UP (DAY)', 'OWNER', 'LAST DELIVERED', 'NEXT ATTEMPT', 'LAST ERROR'],
    found.map(({ id, position, backlog, stats, owner, lastDeliveredAt, nextAttemptAt, ...rest }) => [
      id,
      stateOf(rest),
      position,
      backlog < countedTo ? String(backlog) : `${backlog}+`,
      String(stats.gaveUp),
      owner,
      lastDeliveredAt,
      nextAttemptAt,
      rest.lastError === null ? null : `${rest.lastErrorAt} ${rest.lastError}`,
    ]),
  );
}

function stateOf({ state, pauseReason, pausedAt }: Pick<Endpoint, 'state' | 'pauseReason' | 'pausedAt'>): string {
  return pauseReason === null ? state : `${state} (${pauseReason}${pausedAt === null ? '' : ` since ${pausedAt}`})`;
}
