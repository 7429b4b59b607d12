// Orders to the owner of an endpoint: to retry its blocked line now, or to give up the event at its head.
//
// Whoever is asked stores an order. The endpoint's owner carries it out in the transaction that loads the cursor: so no turn
// of the line is out, the effect is durable together with the order's outcome, and what the owner then does follows from the
// rows, as after a crash. An order without an outcome that is deleted, or too old, is withdrawn: nobody carries it out.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { CursorQuestion } from './cursor-loader.ts';
import { newId } from '../model/new-id.ts';
import { type EndedRow, recordGivenUp } from '../outbox/given-up.ts';
import { type OrderOutcome, type OrderWish, orderMs, skippedMessage } from '../policy/line-orders.ts';
import { type BlockedHead, findBlockedHead, isFirstUnsettled, isSettledFor, pauseReasonOf } from './blocked-head.ts';
import { endPause } from './end-pause.ts';

export type LineOrder = OrderWish & { id: string; endpointId: string };

/** Carries out the pending orders of these endpoints, each of which `em`'s transaction owns, with its cursor locked. */
export async function carryOutOrders(
  em: EntityManager,
  endpoints: ReadonlyMap<string, CursorQuestion['endpoint']>,
): Promise<void> {
  const orders = await em.execute<LineOrder[]>(
    `select o.id, o.endpoint_id as "endpointId", o.kind, o.event_id as "eventId" from webhook_orders o
      where o.endpoint_id in (select json_array_elements_text(?::json))
        and o.outcome is null and o.asked_at > clock_timestamp() - ? * interval '1 ms'
      order by o.asked_at, o.id for update`,
    [JSON.stringify([...endpoints.keys()]), orderMs],
  );
  for (const order of orders) {
    const { events } = endpoints.get(order.endpointId)!;
    const outcome = await carryOut(em, order, events);
    await em.execute('update webhook_orders set outcome = ? where id = ?', [outcome, order.id]);
  }
}

/**
 * What the order would come to now. A held line may have no blocked head any more: it was rewound, or its filter no longer
 * asks for the event. It is held all the same, until it is retried or resumed.
 */
export async function whatBecomesOf(
  em: EntityManager,
  endpointId: string,
  wish: OrderWish,
  events: readonly string[],
): Promise<{ outcome: 'done'; head: BlockedHead | null } | { outcome: Exclude<OrderOutcome, 'done'> }> {
  const pause = await pauseReasonOf(em, endpointId);
  if (wish.kind === 'retry' && pause !== null && pause !== 'exhausted') return { outcome: 'paused' };
  const head = await findBlockedHead(em, endpointId, events);
  if (wish.kind === 'retry' && pause === 'exhausted') return { outcome: 'done', head };
  if (wish.kind === 'skip' && head?.eventId !== wish.eventId) {
    if (await isSettledFor(em, endpointId, wish.eventId)) return { outcome: 'settled' };
    const isHead = head === null && (await isFirstUnsettled(em, endpointId, wish.eventId, events));
    return { outcome: isHead ? 'not blocked' : 'not the head' };
  }
  return head === null ? { outcome: 'not blocked' } : { outcome: 'done', head };
}

async function carryOut(em: EntityManager, order: LineOrder, events: readonly string[]): Promise<OrderOutcome> {
  const becomes = await whatBecomesOf(em, order.endpointId, order, events);
  if (becomes.outcome !== 'done') return becomes.outcome;
  const { head } = becomes;
  if (head && order.kind === 'skip') await giveUp(em, order, head);
  const resumed = await endPause(em, order.endpointId, 'exhausted');
  if (head && order.kind === 'retry' && !resumed) await endWait(em, order.endpointId, head);
  return 'done';
}

/** The row is written as a recorder of its own would, in its first batch, with the operational event that tells of it. */
async function giveUp(em: EntityManager, { id, endpointId }: LineOrder, { deliveryId }: BlockedHead): Promise<void> {
  const rowId = newId();
  const inserted = await em.execute<EndedRow[]>(
    `insert into webhook_deliveries (id, event_id, event_type, endpoint_id, endpoint_url, status, error_message,
              attempt_count, latency_ms, created_at, origin, position, previous, configuration, generation, resumes,
              version, writer, batch, batch_from)
       select ?, d.event_id, d.event_type, d.endpoint_id, d.endpoint_url, 'failed', ?,
              case when d.resumes = c.resumes then d.attempt_count else 0 end + 1, 0, clock_timestamp(), 'line',
              d.position, d.previous, d.configuration, d.generation, c.resumes, d.version, ?, 1, ?
         from webhook_deliveries d join webhook_cursors c on c.endpoint_id = ? where d.id = ?
     returning id, status, endpoint_id as "endpointId", event_id as "eventId", event_type as "eventType",
               generation::float8 as generation, replay_id as "replayId", error_message as "errorMessage"`,
    [rowId, skippedMessage, id, rowId, endpointId, deliveryId],
  );
  await recordGivenUp(em, inserted);
}

/** The wait that the last attempt left ends now. Shorter waits before it are over, and stay as they are. */
async function endWait(em: EntityManager, endpointId: string, { position }: BlockedHead): Promise<void> {
  await em.execute(
    `update webhook_deliveries d
        set wait_ms = greatest(0, floor(extract(epoch from clock_timestamp() - d.recorded_at) * 1000))
       from webhook_cursors c
      where c.endpoint_id = ? and d.endpoint_id = c.endpoint_id and d.generation = c.generation
        and d.resumes = c.resumes and d.position = ? and d.origin = 'line' and d.status = 'retrying'
        and d.wait_ms > greatest(0, extract(epoch from clock_timestamp() - d.recorded_at) * 1000)`,
    [endpointId, position],
  );
}
