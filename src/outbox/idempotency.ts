// Sees to it that the same publication made twice within a day is one event, whoever makes it and however often at once.
//
// Publishing by SQL does the same, statement by statement: migrations/0001-first-tables/publish.sql.

import type { EntityManager } from '@mikro-orm/postgresql';

/** A key, and the event that is to be the first of it. */
export type KeyClaim = { key: string; eventId: string };

/**
 * Takes each key for the first claim that names it, where nobody holds it, its holder is older than a day or the holder's
 * event is no longer kept. Gives the event that each key has now. Waits for other transactions that claim the same keys;
 * sorted, so that two calls never wait for each other. Must run in the transaction that records the events.
 */
export async function claimKeys(em: EntityManager, claims: readonly KeyClaim[]): Promise<Map<string, string>> {
  if (claims.length === 0) return new Map();
  const firsts = new Map(claims.toReversed().map(({ key, eventId }) => [key, eventId]));
  const sorted = [...firsts].map(([key, eventId]) => ({ key, eventId })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken = new Set(await takeFree(em, sorted));
  const others = sorted.filter(({ key }) => !taken.has(key));
  if (others.length === 0) return firsts;
  for (const { key, eventId } of await holdersOf(em, others)) {
    firsts.set(key, eventId);
    taken.add(key);
  }
  const orphaned = others.filter(({ key }) => !taken.has(key));
  if (orphaned.length > 0) await takeOver(em, orphaned);
  return firsts;
}

/** The keys that were free. The others are locked from now on, too. */
async function takeFree(em: EntityManager, claims: readonly KeyClaim[]): Promise<string[]> {
  const taken = await em.execute<{ key: string }[]>(
    `insert into webhook_idempotency_keys as held (key, event_id)
     select key, "eventId" from json_to_recordset(?) as claim (key text, "eventId" uuid)
     on conflict (key) do update set event_id = excluded.event_id, created_at = excluded.created_at
     where held.created_at <= clock_timestamp() - interval '24 hours'
     returning key`,
    [JSON.stringify(claims)],
  );
  return taken.map(({ key }) => key);
}

/**
 * The keys whose event is kept, and that event. A statement of its own, because only a new snapshot shows the holders that
 * `takeFree` waited for.
 */
async function holdersOf(em: EntityManager, claims: readonly KeyClaim[]): Promise<KeyClaim[]> {
  return await em.execute<KeyClaim[]>(
    `select k.key, k.event_id as "eventId" from webhook_idempotency_keys k
     cross join lateral (select 1 from webhook_events where id = k.event_id offset 0) e
     where k.key in (select json_array_elements_text(?))`,
    [JSON.stringify(claims.map(({ key }) => key))],
  );
}

async function takeOver(em: EntityManager, claims: readonly KeyClaim[]): Promise<void> {
  await em.execute(
    `update webhook_idempotency_keys k set event_id = claim."eventId", created_at = clock_timestamp()
     from json_to_recordset(?) as claim (key text, "eventId" uuid) where k.key = claim.key`,
    [JSON.stringify(claims)],
  );
}
