// Which deliveries a filter lets through.

import type { FilterQuery } from '@mikro-orm/postgresql';
import { asUuid } from '../../model/uuid.ts';
import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import { builder } from './builder.ts';
import { canMatch } from './can-match.ts';
import { createdBetween } from './created-between.ts';
import { WebhookDeliveryStatus } from './delivery-enums.ts';

export const WebhookDeliveryFilter = builder.inputType('WebhookDeliveryFilter', {
  description: 'Which deliveries; every field that is given must hold.',
  fields: (t) => ({
    endpointId: t.id({ description: 'To this endpoint, also one that is no longer configured.' }),
    eventId: t.id({ description: 'Of this event.' }),
    eventType: t.string({ description: 'Of events of this type.' }),
    status: t.field({ type: WebhookDeliveryStatus, description: 'That ended like this.' }),
    since: t.field({ type: 'DateTime', description: 'Begun at this moment or later.' }),
    until: t.field({ type: 'DateTime', description: 'Begun before this moment.' }),
  }),
});

export type DeliveryFilter = typeof WebhookDeliveryFilter.$inferInput;

/** Null: no row matches. */
export function deliveriesBy(filter: DeliveryFilter): FilterQuery<WebhookDelivery> | null {
  const { endpointId, eventId, eventType, status, since, until } = filter;
  const texts = [endpointId, eventType].filter((text) => typeof text === 'string');
  // No row has an id or type of the wrong form.
  if (!texts.every(canMatch)) return null;
  const event = typeof eventId === 'string' ? asUuid(eventId) : undefined;
  if (event === null) return null;
  const conditions: object[] = createdBetween(since, until);
  const columns = { endpointId, eventType, eventId: event, status };
  for (const [name, value] of Object.entries(columns)) if (isGiven(value)) conditions.push({ [name]: value });
  return { $and: conditions };
}

/** Whether most rows may not match, so that the newest that do are looked for day by day. */
export function mayBeRare({ eventId, endpointId, eventType, status }: DeliveryFilter): boolean {
  return !eventId && [endpointId, eventType, status].some(isGiven);
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}
