// `tidings event`: one event, and what became of it at each endpoint.

import type { ClientOptions } from '../settings/client-settings.ts';
import { openClient } from './client.ts';
import { type ListedDelivery, deliveryTable } from './deliveries.ts';
import { oneEvent } from './documents.ts';
import type { ListedEvent } from './events.ts';
import { notFound } from './failure.ts';
import { type Column, fields, table, when } from './table.ts';
import { print, printJson, printLines } from './terminal.ts';

type Outcome = {
  endpointId: string;
  outcome: string;
  attempts: number;
  lastDelivery: { createdAt: string; errorMessage: string | null } | null;
};

export type WholeEvent = ListedEvent & { payload: string; outcomes: Outcome[]; deliveries: ListedDelivery[] };

const columns: readonly Column[] = [
  { head: 'ENDPOINT' },
  { head: 'OUTCOME' },
  { head: 'ATTEMPTS' },
  { head: 'LAST', drop: 2 },
  { head: 'ERROR', cut: true, drop: 1 },
];

export async function event(id: string, { json, ...options }: ClientOptions & { json?: boolean }): Promise<void> {
  const client = await openClient(options);
  const { webhookEvent: found } = await client.ask<{ webhookEvent: WholeEvent | null }>(oneEvent, { id });
  if (found === null) throw notFound(`event ${id}`);
  if (json === true) return printJson(found, 2);
  printLines(
    fields([
      ['id', found.id],
      ['type', found.type],
      ['recorded', found.timestamp],
      ['position', found.position],
      ['subject', found.subject],
    ]),
  );
  print('');
  print(found.payload);
  if (found.outcomes.length > 0) printLines(['', ...table(columns, found.outcomes.map(rowOf))]);
  if (found.deliveries.length > 0) printLines(['', ...deliveryTable(found.deliveries)]);
}

function rowOf({ endpointId, outcome, attempts, lastDelivery }: Outcome): (string | null)[] {
  const last = lastDelivery === null ? null : when(lastDelivery.createdAt);
  return [endpointId, outcome, String(attempts), last, lastDelivery?.errorMessage ?? null];
}
