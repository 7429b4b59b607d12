// The states of endpoints, from the database alone, so that every instance gives the same.

import type { EntityManager } from '@mikro-orm/postgresql';
import { isOfLine } from '../../cursors/predicates.ts';
import type { PauseReason } from '../../model/webhook-cursor.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

export type EndpointState = {
  pauseReason: PauseReason | null;
  /** Whether the first unsettled event has a failed attempt. */
  retrying: boolean;
  nextAttemptAt: Date | null;
  lastError: string | null;
};

/**
 * The newest attempt in the line above the cursor shows whether the line waits for a retry: after a failed attempt only
 * its own retries follow. `offset 0` makes Postgres find the few rows above the cursor by their index first, instead of
 * walking back through the endpoint's history by id.
 */
const read = `
  select c.endpoint_id, c.pause_reason, c.last_error,
         last.status = 'retrying' as retrying, last.error_message,
         case when last.status = 'retrying' and last.resumes = c.resumes and c.pause_reason is null
              then extract(epoch from last.recorded_at)::float8 * 1000 + last.wait_ms end as next_attempt_ms
  from jsonb_array_elements_text(?::jsonb) asked (endpoint_id)
  join webhook_cursors c using (endpoint_id)
  left join lateral (
    select * from (
      select d.* from webhook_deliveries d
      where ${isOfLine} and d.position > c.position
      offset 0
    ) above order by id desc limit 1
  ) last on true`;

type Row = {
  endpoint_id: string;
  pause_reason: PauseReason | null;
  last_error: string | null;
  retrying: boolean | null;
  error_message: string | null;
  next_attempt_ms: number | null;
};

/** States by endpoint id; an endpoint that never had a position has none. */
export async function endpointStates(
  em: EntityManager,
  endpoints: readonly Endpoint[],
): Promise<Map<string, EndpointState>> {
  const rows = await em.execute<Row[]>(read, [JSON.stringify(endpoints.map(({ id }) => id))]);
  return new Map(
    rows.map((row) => [
      row.endpoint_id,
      {
        pauseReason: row.pause_reason,
        retrying: row.retrying === true,
        nextAttemptAt: row.next_attempt_ms === null ? null : new Date(row.next_attempt_ms),
        lastError: row.retrying === true ? row.error_message : row.last_error,
      },
    ]),
  );
}
