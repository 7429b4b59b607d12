// A stored log, cursors and delivery rows, made by hand for tests of what is read back from them.

import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { emptyLog, storePositions } from '../support/recorded-events.ts';

export type StoredEvent = {
  id: string;
  position: number;
  type: string;
  addressedTo: string | null;
  notFor: string | null;
};

/**
 * Stores events of these types at the positions after `after`. `webhook.test` ones are addressed to `crm`, and
 * `webhook.endpoint_*` ones at odd positions tell about it.
 */
export async function storeLog(orm: MikroORM, types: readonly string[], after = 0): Promise<StoredEvent[]> {
  const events = types.map((type, index) => {
    const addressedTo = type === 'webhook.test' ? 'crm' : null;
    const position = after + index + 1;
    const notFor = type.startsWith('webhook.endpoint_') && position % 2 === 1 ? 'crm' : null;
    return { id: randomUUIDv7(), position, type, addressedTo, notFor };
  });
  const at = new Date();
  const empty = { subject: null, traceparent: null, payload: '{}' };
  if (events.length > 0) {
    await orm.em.fork().insertMany(
      WebhookEvent,
      events.map(({ id, type, addressedTo, notFor }) => ({ ...empty, id, type, addressedTo, notFor, createdAt: at })),
    );
    await storePositions(orm, events);
  }
  await orm.em.fork().execute('update webhook_log_head set position = ?', [after + types.length]);
  return events;
}

export type Attempted = Partial<
  Pick<
    WebhookDelivery,
    'endpointId' | 'status' | 'attemptCount' | 'generation' | 'resumes' | 'origin' | 'replayId' | 'waitMs'
  >
> & {
  event: StoredEvent;
  /** How long ago it was recorded. */
  agoMs?: number;
};

/** Stores rows of attempts, in their order. */
export async function storeAttempts(orm: MikroORM, attempts: readonly Attempted[]): Promise<void> {
  if (attempts.length === 0) return;
  const now = Date.now();
  const rows = attempts.map(({ event, agoMs = 0, ...given }, index) => ({
    // In the order of the list, which the order of ids is.
    id: `0195f0a0-0000-7000-8000-${(now + index).toString(16).padStart(12, '0')}`,
    eventId: event.id,
    eventType: event.type,
    endpointId: 'crm',
    endpointUrl: 'https://crm.example.com/hooks',
    status: 'delivered' as const,
    httpStatus: 200,
    errorMessage: null,
    attemptCount: 1,
    latencyMs: 1,
    createdAt: new Date(now),
    completedAt: null,
    responseBody: null,
    position: event.position,
    previous: null,
    configuration: 1,
    generation: 1,
    resumes: 0,
    origin: 'line' as const,
    replayId: null,
    waitMs: null,
    recordedAt: new Date(now - agoMs),
    writer: '0195f0a0-0000-7000-8000-000000000000',
    batch: 1,
    ...given,
  }));
  await orm.em.fork().insertMany(WebhookDelivery, rows);
}

/** Goes on above a gap, as a log does whose database has lost its end. */
export async function storeGap(orm: MikroORM, first: number, last: number): Promise<void> {
  await orm.em.fork().execute('insert into webhook_log_gaps (first, last) values (?, ?)', [first, last]);
  await orm.em.fork().execute('update webhook_log_head set position = ?', [last]);
}

export async function clearTables(orm: MikroORM): Promise<void> {
  await emptyLog(orm);
  await orm.em.fork().execute(
    `truncate webhook_deliveries, webhook_cursors, webhook_replays, webhook_orders, webhook_configurations,
              webhook_refused_reload;
     update webhook_log_head set configuration = 0;
     update webhook_controls set version = 0;
     update webhook_leases set owner = null`,
  );
}

/** The database server, as a heartbeat tells of it. */
export async function serverOf(orm: MikroORM): Promise<string> {
  const [row] = await orm.em.fork().execute<[{ server: string }]>('select pg_postmaster_start_time()::text as server');
  return row.server;
}
