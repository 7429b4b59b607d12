// What newly recorded rows make true, in their own transaction: a pause, the end of a replay, that an event was given up.

import { type EntityManager, raw } from '@mikro-orm/postgresql';
import { Replay } from '../model/replay.ts';
import { WebhookCursor } from '../model/webhook-cursor.ts';
import { recordGivenUp } from '../outbox/given-up.ts';
import { recordFacts } from '../outbox/operational-events.ts';
import { isOperational } from '../policy/operational.ts';
import type { FailurePause } from '../policy/retry.ts';
import type { DeliveryRow } from './delivery-row.ts';

export type Delivery = {
  row: DeliveryRow;
  /** The endpoint is paused together with the record. */
  pause: FailurePause | null;
  /** Epoch of the lease under which it was sent. */
  leaseEpoch: number;
};

/**
 * Harmless to repeat: a batch that may have been committed is written again. `isNew`: whether a row, by its id, was inserted
 * in this transaction.
 */
export async function takeEffect(
  em: EntityManager,
  deliveries: readonly Delivery[],
  isNew: (id: string) => boolean,
): Promise<void> {
  const pauses = deliveries.filter(({ pause }) => pause !== null);
  // Whoever locks several cursors does it in this order.
  for (const { row, pause, leaseEpoch } of pauses.toSorted((one, other) => compareIds(one.row, other.row))) {
    await pauseFor(em, row, pause!, leaseEpoch);
  }
  const givenUp: DeliveryRow[] = [];
  for (const { row } of deliveries) {
    if (endsReplay(row)) await em.nativeDelete(Replay, { id: row.replayId! });
    if (row.status === 'failed' && isNew(row.id)) givenUp.push(row);
  }
  if (givenUp.length > 0) await recordGivenUp(em, givenUp);
}

/** A pause by an operational event, or by a test, is told by no event: two watchers would keep each other busy. */
async function pauseFor(em: EntityManager, row: DeliveryRow, reason: FailurePause, leaseEpoch: number): Promise<void> {
  const isPaused = await (reason === 'gone' ? pauseGone : pauseExhausted)(em, row, leaseEpoch);
  if (!isPaused || isOperational(row.eventType)) return;
  const { endpointId, eventId, errorMessage } = row;
  await recordFacts(em, [{ type: 'webhook.endpoint_paused', endpointId, reason, eventId, errorMessage }]);
}

/** A former owner that comes late pauses nothing: its successor would not know, and has an answer of its own by now. */
async function pauseGone(
  em: EntityManager,
  { endpointId, generation, resumes }: DeliveryRow,
  ownerEpoch: number,
): Promise<boolean> {
  const cursor = { endpointId, generation, resumes, ownerEpoch, pauseReason: null };
  const paused = { pauseReason: 'gone', pausedAt: raw('clock_timestamp()') } as const;
  return (await em.nativeUpdate(WebhookCursor, cursor, paused)) > 0;
}

/**
 * Nothing is held of an event that is settled, as by a row of the endpoint's former owner, nor by one that comes late: its
 * successor has counted the attempts without this one, and goes on.
 */
async function pauseExhausted(em: EntityManager, row: DeliveryRow, leaseEpoch: number): Promise<boolean> {
  const { endpointId, generation, resumes, position } = row;
  const paused = await em.execute<unknown[]>(
    `update webhook_cursors c set pause_reason = 'exhausted', paused_at = clock_timestamp()
      where c.endpoint_id = ? and c.generation = ? and c.resumes = ? and c.pause_reason is null and c.owner_epoch = ?
        and not exists (select 1 from webhook_deliveries d
                         where d.endpoint_id = c.endpoint_id and d.generation = c.generation and d.position = ?
                           and d.origin = 'line' and d.status in ('delivered', 'failed'))
     returning 1`,
    [endpointId, generation, resumes, leaseEpoch, position],
  );
  return paused.length > 0;
}

function compareIds({ endpointId: one }: DeliveryRow, { endpointId: other }: DeliveryRow): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function endsReplay(row: DeliveryRow): boolean {
  return row.replayId !== null && row.status !== 'retrying';
}
