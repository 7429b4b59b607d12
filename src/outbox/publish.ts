// Records events that an admin publishes: all of a call or none, in the order given, each idempotency key once a day.

import { newId } from '../model/new-id.ts';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Replay } from '../model/replay.ts';
import { WebhookEvent } from '../model/webhook-event.ts';
import { Refusal } from '../policy/refusal.ts';
import { emit } from './emitter.ts';
import { claimKeys } from './idempotency.ts';
import { dataIn, makeEvent, type NewWebhookEvent } from './payload.ts';
import { inPieces } from './pieces.ts';
import { checkPublications, type Publication } from './publication.ts';
import { recordEvents } from './record-events.ts';
import type { Transactions } from './transactions.ts';

/**
 * Records the events, all or none, and gives them in the order of `publications`; one whose idempotency key was used
 * within a day gives the first event of that key. Throws Refusal BAD_USER_INPUT, or CONFLICT for a key that was used
 * with another type, subject or data.
 */
export async function publishEvents(
  transactions: Transactions,
  publications: readonly Publication[],
): Promise<WebhookEvent[]> {
  checkPublications(publications);
  if (publications.length === 0) return [];
  return await transactions.run(async (em) => {
    const now = new Date();
    const made = await inPieces(
      publications,
      () => 0,
      (piece) => piece.map((publication) => makeEvent(publication, now)),
    );
    const firstIds = await firstEventIds(em, publications, made);
    const recorded = await insertInOrder(
      em,
      made.filter(({ id }, index) => firstIds[index] === id),
    );
    const earlierIds = firstIds.filter((id) => !recorded.has(id));
    const earlier = earlierIds.length === 0 ? [] : await em.find(WebhookEvent, { id: { $in: earlierIds } });
    for (const event of earlier) recorded.set(event.id, event);
    firstIds.forEach((id, index) => demandSame(recorded.get(id), made[index]!, index));
    return firstIds.map((id) => {
      const event = recorded.get(id);
      if (!event) throw new Error(`the event ${id} of an idempotency key is gone before the key is`);
      return event;
    });
  });
}

/**
 * Adds a webhook.test for this endpoint alone, which is sent beside its line, to the transaction of `em`. The caller has
 * checked that it may be sent.
 */
export async function recordTestEvent(em: EntityManager, endpointId: string): Promise<WebhookEvent> {
  const event = await emit(em, { type: 'webhook.test', data: { endpoint_id: endpointId }, addressedTo: endpointId });
  em.persist(em.create(Replay, { id: newId(), endpointId, eventId: event.id, position: null, origin: 'test' }));
  return event;
}

/** For each publication the id of its own event, or that of the first event of its key. */
async function firstEventIds(
  em: EntityManager,
  publications: readonly Publication[],
  made: readonly NewWebhookEvent[],
): Promise<string[]> {
  const keys = publications.map(({ idempotencyKey }) => idempotencyKey ?? null);
  const holders = await claimKeys(
    em,
    keys.flatMap((key, index) => (key === null ? [] : [{ key, eventId: made[index]!.id }])),
  );
  return keys.map((key, index) => (key === null ? made[index]!.id : holders.get(key)!));
}

/** Throws when the first event of a key is another one than was to be recorded under it. */
function demandSame(first: WebhookEvent | undefined, made: NewWebhookEvent, index: number): void {
  const isSame =
    first?.type === made.type && first.subject === made.subject && dataIn(first.payload) === dataIn(made.payload);
  if (!first || isSame) return;
  throw new Refusal(
    'CONFLICT',
    `events.${index}.idempotencyKey: was used within a day for another type, subject or data. Use a new key.`,
    `events.${index}.idempotencyKey`,
  );
}

/** Statement by statement, so that the queue has them in their order. */
async function insertInOrder(
  em: EntityManager,
  events: readonly NewWebhookEvent[],
): Promise<Map<string, WebhookEvent>> {
  const sizeOf = ({ payload }: NewWebhookEvent) => payload.length;
  await inPieces(events, sizeOf, async (piece) => {
    await recordEvents(em, piece);
    return [];
  });
  return new Map(events.map((event) => [event.id, event as WebhookEvent]));
}
