// `tidings endpoints`: the state of every endpoint of a running service, and which instance serves it.

import type { ClientOptions } from '../settings/client-settings.ts';
import { openClient } from './client.ts';
import { table } from './table.ts';

type Endpoint = {
  id: string;
  url: string;
  state: string;
  pauseReason: string | null;
  backlog: number;
  oldestUnsettledAt: string | null;
  owner: string | null;
  nextAttemptAt: string | null;
  lastError: string | null;
};

const query = `{
  webhookEndpoints { id url state pauseReason backlog oldestUnsettledAt owner nextAttemptAt lastError }
}`;

/** The service counts up to here, see `WebhookEndpoint.backlog`. */
const countedTo = 10_000;

/** Prints them as a table, or with `json` as a JSON array and nothing else. */
export async function endpoints({ json, ...options }: ClientOptions & { json?: boolean }): Promise<void> {
  const client = await openClient(options);
  const { webhookEndpoints: found } = await client.ask<{ webhookEndpoints: Endpoint[] }>(query);
  process.stdout.write(json === true ? `${JSON.stringify(found, null, 2)}\n` : tableOf(found));
}

function tableOf(found: readonly Endpoint[]): string {
  if (found.length === 0) return 'There are no endpoints.\n';
  return table(
    ['ID', 'STATE', 'BACKLOG', 'OWNER', 'NEXT ATTEMPT', 'LAST ERROR'],
    found.map(({ id, state, pauseReason, backlog, owner, nextAttemptAt, lastError }) => [
      id,
      pauseReason === null ? state : `${state} (${pauseReason})`,
      backlog < countedTo ? String(backlog) : `${backlog}+`,
      owner,
      nextAttemptAt,
      lastError,
    ]),
  );
}
