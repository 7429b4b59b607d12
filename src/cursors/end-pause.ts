// Ends a pause of an endpoint, in the caller's transaction.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { PauseReason } from '../model/webhook-cursor.ts';
import { recordFacts } from '../outbox/operational-events.ts';

/**
 * Attempts are counted from 1 again, and an operational event tells of it. With `only`, a pause for another reason stays.
 * Returns whether there was one to end.
 */
export async function endPause(em: EntityManager, endpointId: string, only?: PauseReason): Promise<boolean> {
  const [ended] = await em.execute<{ reason: PauseReason }[]>(
    `with paused as (
       select endpoint_id, pause_reason from webhook_cursors
        where endpoint_id = ? and pause_reason is not null and pause_reason = coalesce(?, pause_reason) for update
     )
     update webhook_cursors c
        set pause_reason = null, paused_at = null, resumes = resumes + 1, failing_since = null
       from paused where c.endpoint_id = paused.endpoint_id returning paused.pause_reason as reason`,
    [endpointId, only ?? null],
  );
  if (!ended) return false;
  await recordFacts(em, [{ type: 'webhook.endpoint_resumed', endpointId, reason: ended.reason }]);
  return true;
}
