// Sees to it that the same publication made twice within a day is one event, whoever makes it and however often at once.

import type { EntityManager } from '@mikro-orm/postgresql';

/** A key, and the event that is to be the first of it. */
export type KeyClaim = { key: string; eventId: string };

/**
 * Takes each key for the first claim that names it, where nobody holds it or its holder is older than a day, and gives the
 * event that each key has now. Waits for other transactions that claim the same keys; sorted, so that two never wait for
 * each other. Must run in the transaction that records the events.
 */
export async function claimKeys(em: EntityManager, claims: readonly KeyClaim[]): Promise<Map<string, string>> {
  if (claims.length === 0) return new Map();
  const holders = new Map(claims.toReversed().map(({ key, eventId }) => [key, eventId]));
  const sorted = [...holders].map(([key, eventId]) => ({ key, eventId })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken = await em.execute<{ key: string }[]>(
    `insert into webhook_idempotency_keys as held (key, event_id)
     select key, "eventId" from json_to_recordset(?) as claim (key text, "eventId" uuid)
     on conflict (key) do update set event_id = excluded.event_id, created_at = excluded.created_at
     where held.created_at <= clock_timestamp() - interval '1 day'
     returning key`,
    [JSON.stringify(sorted)],
  );
  if (taken.length === holders.size) return holders;
  // A statement of its own, because only a new snapshot shows the holders that the one above waited for.
  const held = await em.execute<KeyClaim[]>(
    `select key, event_id as "eventId" from webhook_idempotency_keys
     where key in (select json_array_elements_text(?))`,
    [JSON.stringify([...holders.keys()])],
  );
  for (const { key, eventId } of held) holders.set(key, eventId);
  return holders;
}
