// Ends a pause of an endpoint, in the caller's transaction.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { PauseReason } from '../model/webhook-cursor.ts';

/**
 * Attempts are counted from 1 again. With `only`, a pause for another reason stays. Returns whether there was one to end.
 */
export async function endPause(em: EntityManager, endpointId: string, only?: PauseReason): Promise<boolean> {
  const ended = await em.execute<unknown[]>(
    `update webhook_cursors set pause_reason = null, paused_at = null, resumes = resumes + 1
      where endpoint_id = ? and pause_reason is not null and pause_reason = coalesce(?, pause_reason) returning 1`,
    [endpointId, only ?? null],
  );
  return ended.length > 0;
}
