// What newly recorded rows make true, in their own transaction: an endpoint is paused, a replay is over.

import { type EntityManager, raw } from '@mikro-orm/postgresql';
import { Replay } from '../model/replay.ts';
import { WebhookCursor } from '../model/webhook-cursor.ts';
import type { FailurePause } from '../policy/retry.ts';
import type { DeliveryRow } from './delivery-row.ts';

export type Delivery = {
  row: DeliveryRow;
  /** The endpoint is paused together with the record. */
  pause: FailurePause | null;
  /** Epoch of the lease under which it was sent. */
  leaseEpoch: number;
};

/** Harmless to repeat: a batch that may have been committed is written again. */
export async function takeEffect(em: EntityManager, deliveries: readonly Delivery[]): Promise<void> {
  for (const { row, pause, leaseEpoch } of deliveries) {
    if (pause === 'gone') await pauseGone(em, row);
    if (pause === 'exhausted') await pauseExhausted(em, row, leaseEpoch);
    if (endsReplay(row)) await em.nativeDelete(Replay, { id: row.replayId! });
  }
}

async function pauseGone(em: EntityManager, { endpointId, generation, resumes }: DeliveryRow): Promise<void> {
  const cursor = { endpointId, generation, resumes, pauseReason: null };
  await em.nativeUpdate(WebhookCursor, cursor, { pauseReason: 'gone', pausedAt: raw('clock_timestamp()') });
}

/**
 * Nothing is held of an event that is settled, as by a row of the endpoint's former owner. A former owner that comes late
 * pauses nothing either: its successor has counted the attempts without this one, and goes on.
 */
async function pauseExhausted(em: EntityManager, row: DeliveryRow, leaseEpoch: number): Promise<void> {
  const { endpointId, generation, resumes, position } = row;
  await em.execute(
    `update webhook_cursors c set pause_reason = 'exhausted', paused_at = clock_timestamp()
      where c.endpoint_id = ? and c.generation = ? and c.resumes = ? and c.pause_reason is null and c.owner_epoch = ?
        and not exists (select 1 from webhook_deliveries d
                         where d.endpoint_id = c.endpoint_id and d.generation = c.generation and d.position = ?
                           and d.origin = 'line' and d.status in ('delivered', 'failed'))`,
    [endpointId, generation, resumes, leaseEpoch, position],
  );
}

function endsReplay(row: DeliveryRow): boolean {
  return row.replayId !== null && row.status !== 'retrying';
}
