// Reads the events of many deliveries and the deliveries of many events, in one query each.

import type { EntityManager } from '@mikro-orm/postgresql';
import { WebhookDelivery } from '../../model/webhook-delivery.ts';
import { WebhookEvent } from '../../model/webhook-event.ts';

/** Events by id. */
export async function eventsById(em: EntityManager, ids: readonly string[]): Promise<Map<string, WebhookEvent>> {
  const events = await em.find(WebhookEvent, { id: { $in: [...ids] } }, { disableIdentityMap: true });
  return new Map(events.map((event) => [event.id, event]));
}

/** Deliveries by the event's id, oldest first. */
export async function deliveriesOfEvents(
  em: EntityManager,
  ids: readonly string[],
): Promise<Map<string, WebhookDelivery[]>> {
  const where = { eventId: { $in: [...ids] } };
  const deliveries = await em.find(WebhookDelivery, where, { orderBy: { id: 'asc' }, disableIdentityMap: true });
  return Map.groupBy(deliveries, ({ eventId }) => eventId);
}
