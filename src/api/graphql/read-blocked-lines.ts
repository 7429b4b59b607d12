// Reads the blocked lines of endpoints from the rows alone, so that every instance gives the same.

import type { EntityManager } from '@mikro-orm/postgresql';
import { isFor, isOfEvent, isOfLine } from '../../cursors/predicates.ts';
import { likePattern } from '../../policy/routing.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import { endOf, msOf, newestAttempt, nextAttemptMs } from './newest-attempt.ts';

/** `id` is that of its first event, which tells it from the other lines of its endpoint. */
export type BlockedLine = {
  id: string;
  endpointId: string;
  since: Date;
  attempts: number;
  nextAttemptAt: Date | null;
  lastError: string;
};

/**
 * The newest attempt shows whether the line is blocked, as for the endpoint's state. Attempts of an earlier budget do not
 * count. What the present filter passes over is not waited for: a paused endpoint passes it when it is resumed.
 */
const read = `
  select c.endpoint_id, last.event_id, last.error_message, failed.since_ms, failed.attempts,
         ${nextAttemptMs} as next_attempt_ms
  from jsonb_to_recordset(?::jsonb) as asked (endpoint_id text, patterns text[])
  join webhook_cursors c using (endpoint_id)
  cross join lateral ${newestAttempt()} last
  join webhook_log e on e.event_id = last.event_id and e.position = last.position
  cross join lateral (
    select ${msOf(`min(${endOf('d')})`)} as since_ms,
           coalesce(max(d.attempt_count) filter (where d.resumes = c.resumes), 0) as attempts
    from webhook_deliveries d
    where ${isOfLine} and d.position = last.position and ${isOfEvent}
  ) failed
  where last.status = 'retrying' and ${isFor('c.endpoint_id', 'asked.patterns')}`;

type Row = {
  endpoint_id: string;
  event_id: string;
  error_message: string | null;
  since_ms: number;
  attempts: number;
  next_attempt_ms: number | null;
};

/** By endpoint id, the longest blocked first. With one line an endpoint there is one at most. */
export async function blockedLines(
  em: EntityManager,
  endpoints: readonly Endpoint[],
): Promise<Map<string, BlockedLine[]>> {
  const rows = await em.execute<Row[]>(read, [
    JSON.stringify(endpoints.map(({ id, events }) => ({ endpoint_id: id, patterns: events.map(likePattern) }))),
  ]);
  return new Map(
    rows.map((row): [string, BlockedLine[]] => [
      row.endpoint_id,
      [
        {
          id: row.event_id,
          endpointId: row.endpoint_id,
          since: new Date(row.since_ms),
          attempts: row.attempts,
          nextAttemptAt: row.next_attempt_ms === null ? null : new Date(row.next_attempt_ms),
          lastError: row.error_message ?? '',
        },
      ],
    ]),
  );
}
