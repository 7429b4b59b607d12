// Records an event in the caller's transaction, so that neither the change nor its event exists without the other.

import type { EntityManager } from '@mikro-orm/postgresql';
import { QueuedEvent } from '../model/queued-event.ts';
import { WebhookEvent } from '../model/webhook-event.ts';
import { type EventDraft, type JsonObject, makeEvent } from './payload.ts';

export type UserEventType =
  | 'user.created'
  | 'user.login'
  | 'user.updated'
  | 'user.deleted'
  | 'user.oauth_linked'
  | 'user.oauth_unlinked';

/**
 * Adds the event to the transaction of `em`; it is inserted with the next flush, in the order of the calls, and
 * touches nothing but Postgres. Throws when `em` is in no transaction.
 */
export function emit(em: EntityManager, draft: EventDraft, now: Date = new Date()): WebhookEvent {
  if (!em.isInTransaction()) {
    throw new Error(`${draft.type} was emitted outside a transaction: emit with the em that the change was made with.`);
  }
  const event = em.create(WebhookEvent, makeEvent(draft, now));
  // Partial: the database numbers it.
  em.persist([event, em.create(QueuedEvent, { eventId: event.id }, { partial: true })]);
  return event;
}

/** `emit` for a user's event: `data` is the user's id and what is given, and the user is the subject. */
export function emitUserEvent(
  em: EntityManager,
  type: UserEventType,
  userId: string,
  data: JsonObject = {},
  now: Date = new Date(),
): WebhookEvent {
  return emit(em, { type, data: { user_id: userId, ...data }, subject: userId }, now);
}
