// Which deliveries a filter lets through.

import { type EntityManager, type FilterQuery, raw } from '@mikro-orm/postgresql';
import { asUuid } from '../../model/uuid.ts';
import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import { Refusal } from '../../policy/refusal.ts';
import { type Verdict, verdictOf } from '../../policy/verdict.ts';
import { builder } from './builder.ts';
import { canMatch } from './can-match.ts';
import { createdBetween } from './created-between.ts';
import { WebhookDeliveryOrigin, WebhookDeliveryStatus } from './delivery-enums.ts';

export const WebhookDeliveryFilter = builder.inputType('WebhookDeliveryFilter', {
  description: 'Which deliveries; every field that is given must hold.',
  fields: (t) => ({
    endpointId: t.id({ description: 'To this endpoint, also one that is no longer configured.' }),
    eventId: t.id({ description: 'Of this event.' }),
    eventType: t.string({ description: 'Of events of this type.' }),
    status: t.field({ type: WebhookDeliveryStatus, description: 'That ended like this.' }),
    subject: t.string({ description: 'Of events about this subject, as long as they are kept.' }),
    httpStatus: t.int({ description: 'Answered with this status.' }),
    httpStatusClass: t.int({ description: 'Answered with a status of this class: 2 for 200 to 299, up to 5.' }),
    origin: t.field({ type: WebhookDeliveryOrigin, description: 'Made for this reason.' }),
    since: t.field({ type: 'DateTime', description: 'Begun at this moment or later.' }),
    until: t.field({ type: 'DateTime', description: 'Begun before this moment.' }),
  }),
});

export type DeliveryFilter = typeof WebhookDeliveryFilter.$inferInput;

/** Null: no row matches. Throws Refusal BAD_USER_INPUT. */
export function deliveriesBy(filter: DeliveryFilter): FilterQuery<WebhookDelivery> | null {
  const { endpointId, eventId, eventType, status, subject, httpStatus, origin, since, until } = filter;
  const texts = [endpointId, eventType, subject].filter((text) => typeof text === 'string');
  // No row has an id, type or subject of the wrong form.
  if (!texts.every(canMatch)) return null;
  const event = typeof eventId === 'string' ? asUuid(eventId) : undefined;
  if (event === null) return null;
  const conditions: object[] = createdBetween(since, until);
  const columns = { endpointId, eventType, eventId: event, status };
  for (const [name, value] of Object.entries(columns)) if (isGiven(value)) conditions.push({ [name]: value });
  if (isGiven(httpStatus)) conditions.push({ httpStatus }, ...ofVerdict(verdictOf(httpStatus)));
  if (isGiven(filter.httpStatusClass)) conditions.push(...ofClass(filter.httpStatusClass));
  if (origin) conditions.push(ofOrigin(origin));
  if (typeof subject === 'string') conditions.push(ofSubject(subject));
  return { $and: conditions };
}

/**
 * Whether most rows may not match, so that the newest that do are looked for day by day. Not by event, or by a subject with
 * few: the events lead to their rows on whatever day, and to plan that for each day costs more than it finds.
 */
export async function mayBeRare(em: EntityManager, filter: DeliveryFilter): Promise<boolean> {
  const { eventId, subject, since: _since, until: _until, ...others } = filter;
  if (isGiven(eventId)) return false;
  return isGiven(subject) ? await hasManyEvents(em, subject) : Object.values(others).some(isGiven);
}

/** To look for the rows of so many events on all days takes some 20 ms. */
const manyEvents = 300;

async function hasManyEvents(em: EntityManager, subject: string): Promise<boolean> {
  const [{ count }] = await em.fork().execute<[{ count: number }]>(
    `select count(*)::int as count from (
         select 1 from webhook_log where line = hashtextextended(?, 0) limit ${manyEvents + 1}) found`,
    [subject],
  );
  return count > manyEvents;
}

/** What was answered otherwise than by 2xx has indexes of its own, which hold little else. */
function ofVerdict(verdict: Verdict): object[] {
  return verdict === 'delivered' ? [] : [{ status: { $ne: 'delivered' } }];
}

function ofClass(httpStatusClass: number): object[] {
  if (httpStatusClass < 2 || httpStatusClass > 5) {
    const message = `httpStatusClass is ${httpStatusClass}; it must be 2 to 5.`;
    throw new Refusal('BAD_USER_INPUT', message, 'filter.httpStatusClass');
  }
  const first = httpStatusClass * 100;
  return [{ httpStatus: { $gte: first, $lt: first + 100 } }, ...ofVerdict(verdictOf(first))];
}

/** Those beside the line have an index of their own, of the rows with a replay's id. */
function ofOrigin(origin: WebhookDelivery['origin']): object {
  return origin === 'line' ? { origin } : { origin, replayId: { $ne: null } };
}

/**
 * The log finds them by the subject's hash; each event tells whether it is another one's with the same hash. As a join, the
 * events' whole table could be read. As a plain comparison, it would be taken for one that hardly any event stands, and all
 * rows of a subject that most events are about would be found before they are sorted.
 */
function ofSubject(subject: string): object {
  const isOfSubject = raw(
    (row) => `${row}.event_id in (select event_id from webhook_log where line = hashtextextended(?, 0))
      and case when (select subject from webhook_events where id = ${row}.event_id) = ? then true else false end`,
    [subject, subject],
  );
  return { [isOfSubject as unknown as symbol]: [] };
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}
