// Sees to it that the same publication made twice within a day is one event, whoever makes it and however often at once.

import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type JsonObject, dataText } from './payload.ts';

/** A key, and the event that is to be the first of it; `digest` tells its subject and data from others. */
export type KeyClaim = { key: string; eventId: string; type: string; digest: string };

/**
 * Takes each key for the first claim that names it, where nobody holds it or its holder is older than a day, and gives
 * who holds it now. Waits for other transactions that claim the same keys; sorted, so that two never wait for each
 * other. Must run in the transaction that records the events.
 */
export async function claimKeys(em: EntityManager, claims: readonly KeyClaim[]): Promise<Map<string, KeyClaim>> {
  if (claims.length === 0) return new Map();
  const holders = new Map(claims.toReversed().map((claim) => [claim.key, claim]));
  const sorted = [...holders.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken = await em.execute<{ key: string }[]>(
    `insert into webhook_idempotency_keys as held (key, event_id, type, digest)
     select key, "eventId", type, decode(digest, 'hex')
     from json_to_recordset(?) as claim (key text, "eventId" uuid, type text, digest text)
     on conflict (key) do update
     set event_id = excluded.event_id, type = excluded.type, digest = excluded.digest,
         created_at = excluded.created_at
     where held.created_at <= clock_timestamp() - interval '1 day'
     returning key`,
    [JSON.stringify(sorted)],
  );
  if (taken.length === holders.size) return holders;
  // A statement of its own, because only a new snapshot shows the holders that the one above waited for.
  const held = await em.execute<KeyClaim[]>(
    `select key, event_id as "eventId", type, encode(digest, 'hex') as digest
     from webhook_idempotency_keys
     where key in (select json_array_elements_text(?))`,
    [JSON.stringify([...holders.keys()])],
  );
  for (const holder of held) holders.set(holder.key, holder);
  return holders;
}

/**
 * SHA-256 in hex of what a key stands for besides its type: the subject, and `data` as it stands in the body. The
 * subject comes with its length in bytes, so that no end of it reads as a beginning of `data`.
 */
export function digestContent(subject: string | null, data: JsonObject): string {
  const about = subject === null ? ':' : `${Buffer.byteLength(subject)}:${subject}`;
  return createHash('sha256')
    .update(about + dataText(data))
    .digest('hex');
}
