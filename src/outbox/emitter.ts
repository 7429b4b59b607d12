// Records an event in the caller's transaction, so that neither the change nor its event exists without the other.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { WebhookEvent } from '../model/webhook-event.ts';
import { type EventDraft, type JsonObject, makeEvent } from './payload.ts';
import { recordEvents } from './record-events.ts';

export type UserEventType =
  | 'user.created'
  | 'user.login'
  | 'user.updated'
  | 'user.deleted'
  | 'user.oauth_linked'
  | 'user.oauth_unlinked';

/** Records the event in the transaction of `em`, in the order of the calls. Throws when `em` is in no transaction. */
export async function emit(em: EntityManager, draft: EventDraft, now: Date = new Date()): Promise<WebhookEvent> {
  if (!em.isInTransaction()) {
    throw new Error(`${draft.type} was emitted outside a transaction: emit with the em that the change was made with.`);
  }
  const event = makeEvent(draft, now);
  await recordEvents(em, [event]);
  return event;
}

/** `emit` for a user's event: `data` is the user's id and what is given, and the user is the subject. */
export async function emitUserEvent(
  em: EntityManager,
  type: UserEventType,
  userId: string,
  data: JsonObject = {},
  now: Date = new Date(),
): Promise<WebhookEvent> {
  return await emit(em, { type, data: { user_id: userId, ...data }, subject: userId }, now);
}
