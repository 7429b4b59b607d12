// Records made-up events in the caller's transaction, as publishers do: the rows, and the queue beside them.

import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';

type MadeUp = { type?: string; subject?: string; payload?: string };

/** Every third one is for the endpoint `crm` alone. Gives their ids, in the order of the queue. */
export async function queueEvents(
  em: EntityManager,
  count: number,
  { type = 'order.paid', subject, payload = '{}' }: MadeUp = {},
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUIDv7());
  await em.execute(
    `with made as (
       select id::uuid as id, n from json_array_elements_text(?::json) with ordinality as v (id, n)
     ), recorded as (
       insert into webhook_events (id, type, subject, addressed_to, payload, created_at)
       select id, ?, ?, case when n % 3 = 0 then 'crm' end, ?, now() from made
     )
     insert into webhook_outbox (event_id) select id from made order by n`,
    [JSON.stringify(ids), type, subject ?? null, payload],
  );
  return ids;
}

/** Empties the log and the queue. */
export async function forgetEvents(em: EntityManager): Promise<void> {
  await em.execute(
    `truncate webhook_events, webhook_outbox, webhook_log;
     update webhook_log_head set position = 0, positioned_at = '-infinity'`,
  );
}
