// Finds the event at the head of an endpoint's blocked line: its first unsettled event, when that has a failed attempt.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { PauseReason } from '../model/webhook-cursor.ts';
import { likePattern } from '../policy/routing.ts';
import { boundPatterns, isFor, isOfEvent, isOfLine, isSettled, matchesAny } from './predicates.ts';

export type BlockedHead = {
  eventId: string;
  position: number;
  /** Id of the row of its last attempt. */
  deliveryId: string;
};

const isUnsettled = `not exists (
  select 1 from webhook_deliveries f
   where f.endpoint_id = d.endpoint_id and f.generation = d.generation and f.position = d.position
     and f.event_id = d.event_id and f.origin = 'line' and f.status in ('delivered', 'failed'))`;

/**
 * By the rows and the filter `events`, whatever any instance has in memory: of the unsettled events above the cursor that
 * have a failed attempt the first one, unless one without an attempt comes before it. Null: no line is blocked.
 */
export async function findBlockedHead(
  em: EntityManager,
  endpointId: string,
  events: readonly string[],
): Promise<BlockedHead | null> {
  const patterns = JSON.stringify(events.map(likePattern));
  const [head] = await em.execute<BlockedHead[]>(
    `select last."eventId", last.position, last."deliveryId"
       from webhook_cursors c
       cross join lateral (
         select d.event_id as "eventId", d.position::float8 as position, d.id as "deliveryId"
           from webhook_deliveries d join webhook_log e on ${isOfEvent}
          where ${isOfLine} and d.position > c.position and d.status = 'retrying'
            and ${matchesAny('d.event_type', boundPatterns)} and ${isUnsettled}
          order by d.position, d.resumes desc, d.attempt_count desc limit 1) last
      where c.endpoint_id = ?
        and not exists (
          select 1 from webhook_log e
           where e.position > c.position and e.position < last.position and ${isFor('c.endpoint_id', boundPatterns)}
             and not exists (select 1 from webhook_deliveries d where ${isOfLine} and ${isSettled} and ${isOfEvent}))`,
    [patterns, endpointId, patterns],
  );
  return head ?? null;
}

/** Whether the event is for the endpoint, and none before it is unsettled. */
export async function isFirstUnsettled(
  em: EntityManager,
  endpointId: string,
  eventId: string,
  events: readonly string[],
): Promise<boolean> {
  const patterns = JSON.stringify(events.map(likePattern));
  const rows = await em.execute<unknown[]>(
    `select 1 from webhook_cursors c join webhook_log l on l.event_id = ? and l.position > c.position
      where c.endpoint_id = ? and (
        select e.event_id from webhook_log e
         where e.position > c.position and e.position <= l.position and ${isFor('c.endpoint_id', boundPatterns)}
           and not exists (select 1 from webhook_deliveries d where ${isOfLine} and ${isSettled} and ${isOfEvent})
         order by e.position limit 1) = l.event_id`,
    [eventId, endpointId, patterns],
  );
  return rows.length > 0;
}

/** Whether a row settles the event for the endpoint's present line. */
export async function isSettledFor(em: EntityManager, endpointId: string, eventId: string): Promise<boolean> {
  const rows = await em.execute<unknown[]>(
    `select 1 from webhook_cursors c join webhook_deliveries d on ${isOfLine}
      where c.endpoint_id = ? and d.event_id = ? and ${isSettled} limit 1`,
    [endpointId, eventId],
  );
  return rows.length > 0;
}

/** Why the endpoint is paused; null when it is not. */
export async function pauseReasonOf(em: EntityManager, endpointId: string): Promise<PauseReason | null> {
  const [cursor] = await em.execute<{ reason: PauseReason | null }[]>(
    'select pause_reason as reason from webhook_cursors where endpoint_id = ?',
    [endpointId],
  );
  return cursor?.reason ?? null;
}
