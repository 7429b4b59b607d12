// Reads the events of many deliveries, and pages of the deliveries of many events, together.

import type { EntityManager } from '@mikro-orm/postgresql';
import { WebhookDelivery } from '../../model/webhook-delivery.ts';
import { WebhookEvent } from '../../model/webhook-event.ts';
import { Refusal } from '../../policy/refusal.ts';

/** Events by id. */
export async function eventsById(em: EntityManager, ids: readonly string[]): Promise<Map<string, WebhookEvent>> {
  const events = await em.find(WebhookEvent, { id: { $in: [...ids] } }, { disableIdentityMap: true });
  return new Map(events.map((event) => [event.id, event]));
}

/** Some of an event's deliveries, oldest first: at most `first`, those after the delivery `after`. */
export type EventPage = { eventId: string; first: number; after: string | null };

const readIds = `
  select asked.index, d.id
  from jsonb_to_recordset(?::jsonb) as asked (index int, event_id uuid, first int, after uuid)
  cross join lateral (
    select id from webhook_deliveries
    where event_id = asked.event_id and (asked.after is null or id > asked.after)
    order by id limit asked.first
  ) d
  limit ?`;

/** Of one request. What they hold is made into rows without a pause, and is in memory at once. */
const mostRows = 5_000;
const rowsAtOnce = 250;

/** Deliveries by id. Throws Refusal BAD_USER_INPUT for too many. */
export async function deliveriesById(em: EntityManager, ids: readonly string[]): Promise<Map<string, WebhookDelivery>> {
  if (ids.length > mostRows) {
    throw new Refusal(
      'BAD_USER_INPUT',
      `These events have more than ${mostRows} deliveries: ask for fewer at once.`,
      'first',
    );
  }
  const byId = new Map<string, WebhookDelivery>();
  for (let from = 0; from < ids.length; from += rowsAtOnce) {
    const some = ids.slice(from, from + rowsAtOnce);
    const rows = await em.find(WebhookDelivery, { id: { $in: some } }, { disableIdentityMap: true });
    for (const row of rows) byId.set(row.id, row);
  }
  return byId;
}

/** The deliveries of each page, in the order of `pages`. */
export async function pagesOfDeliveries(em: EntityManager, pages: readonly EventPage[]): Promise<WebhookDelivery[][]> {
  const asked = pages.map(({ eventId, first, after }, index) => ({ index, event_id: eventId, first, after }));
  const found = await em.execute<{ index: number; id: string }[]>(readIds, [JSON.stringify(asked), mostRows + 1]);
  const byId = await deliveriesById(em, [...new Set(found.map(({ id }) => id))]);
  const byPage = Map.groupBy(found, ({ index }) => index);
  return pages.map((_, index) => {
    const inOrder = (byPage.get(index) ?? []).toSorted((one, other) => (one.id < other.id ? -1 : 1));
    // One that retention removed between the two reads is left out.
    return inOrder.flatMap(({ id }) => byId.get(id) ?? []);
  });
}
