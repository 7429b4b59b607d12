// The states of endpoints, from the database alone, so that every instance gives the same.

import type { EntityManager } from '@mikro-orm/postgresql';
import { pastGapSql } from '../../cursors/predicates.ts';
import { firstIdOf } from '../../model/uuid.ts';
import type { PauseReason } from '../../model/webhook-cursor.ts';
import { skippedMessage } from '../../policy/line-orders.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import { endOf, msOf, newestAttempt, nextAttemptMs } from './newest-attempt.ts';

export type EndpointState = {
  pauseReason: PauseReason | null;
  /** Whether the first unsettled event has a failed attempt. */
  retrying: boolean;
  nextAttemptAt: Date | null;
  pausedAt: Date | null;
  /** The last failed attempt, unless one was delivered after it. */
  lastFailure: { message: string; at: Date } | null;
  lastDeliveredAt: Date | null;
  /** Null while it is disabled. */
  position: number | null;
};

/** As far as it names the state. */
type NamedState = Pick<EndpointState, 'pauseReason' | 'retrying'>;

export type StateName = 'ACTIVE' | 'RETRYING' | 'PAUSED' | 'DISABLED';

/** `state` is needed of an enabled endpoint alone; undefined: it never had a position. */
export function stateNameOf({ enabled }: Pick<Endpoint, 'enabled'>, state: NamedState | undefined): StateName {
  if (!enabled) return 'DISABLED';
  if (state?.pauseReason) return 'PAUSED';
  return state?.retrying ? 'RETRYING' : 'ACTIVE';
}

/** What is stored of outcomes may be a second older than the newest attempt, which shows whether the line waits for a retry. */
const readStates = `
  select c.endpoint_id, c.pause_reason, ${msOf('c.paused_at')} as paused_ms, ${pastGapSql('c.position')}::float8 as position,
         ${msOf('o.delivered_at')} as delivered_ms, ${msOf('o.failed_at')} as failed_ms, o.error,
         last.status = 'retrying' as retrying, last.status = 'delivered' as delivered, last.error_message,
         ${msOf(endOf('last'))} as ended_ms,
         ${nextAttemptMs} as next_attempt_ms
  from jsonb_array_elements_text(?::jsonb) asked (endpoint_id)
  join webhook_cursors c using (endpoint_id)
  left join webhook_endpoint_outcomes o using (endpoint_id)
  left join lateral ${newestAttempt()} last on true`;

type Row = {
  endpoint_id: string;
  pause_reason: PauseReason | null;
  paused_ms: number | null;
  position: number | null;
  delivered_ms: number | null;
  failed_ms: number | null;
  error: string | null;
  retrying: boolean | null;
  delivered: boolean | null;
  error_message: string | null;
  ended_ms: number | null;
  next_attempt_ms: number | null;
};

/** States by endpoint id; an endpoint that never had a position has none. */
export async function endpointStates(
  em: EntityManager,
  endpoints: readonly Endpoint[],
): Promise<Map<string, EndpointState>> {
  const rows = await em.execute<Row[]>(readStates, [idsOf(endpoints)]);
  return new Map(
    rows.map((row) => [
      row.endpoint_id,
      {
        pauseReason: row.pause_reason,
        retrying: row.retrying === true,
        nextAttemptAt: dateOf(row.next_attempt_ms),
        pausedAt: dateOf(row.paused_ms),
        position: row.position,
        ...lastOutcomes(row),
      },
    ]),
  );
}

/** What names the states of thousands of endpoints, by endpoint id: without those that are ACTIVE. */
export async function manyEndpointStates(
  em: EntityManager,
  endpoints: readonly Endpoint[],
): Promise<Map<string, NamedState>> {
  const rows = await em.execute<Pick<Row, 'endpoint_id' | 'pause_reason' | 'retrying'>[]>(readNames(), [
    idsOf(endpoints),
  ]);
  return new Map(
    rows.map((row) => [row.endpoint_id, { pauseReason: row.pause_reason, retrying: row.retrying === true }]),
  );
}

const hourMs = 60 * 60_000;

/**
 * Of thousands of endpoints nearly all wait for nothing. Where the stored cursor says so, only what came since can be above
 * it, and it is written each second: so the partitions of an hour are enough, and of a day for clocks that are ahead. Far
 * behind the log's end, what waits may not have been counted. The times are written out: of values that it does not know,
 * Postgres takes the wrong index.
 */
function readNames(): string {
  const lately = ` and d.id between '${firstIdOf(Date.now() - hourMs)}' and '${firstIdOf(Date.now() + 24 * hourMs)}'`;
  return `
    select c.endpoint_id, c.pause_reason, last.status = 'retrying' as retrying
    from jsonb_array_elements_text(?::jsonb) asked (endpoint_id)
    join webhook_cursors c using (endpoint_id)
    cross join lateral (
      select c.backlog > 0 or c.position < (select position from webhook_log_head) - 20000 as waits
    ) stored
    left join lateral (
      select * from ${newestAttempt()} whenever where waits
      union all
      select * from ${newestAttempt(lately)} lately where not waits
    ) last on c.pause_reason is null
    where c.pause_reason is not null or last.status = 'retrying'`;
}

const idsOf = (endpoints: readonly Endpoint[]) => JSON.stringify(endpoints.map(({ id }) => id));

function lastOutcomes(row: Row): Pick<EndpointState, 'lastFailure' | 'lastDeliveredAt'> {
  const delivered = later(row.delivered_ms, row.delivered === true ? row.ended_ms : null);
  // Of an event that was skipped nothing was sent: the attempt before that was the last.
  const isAttempt = row.error_message !== skippedMessage;
  const newest = row.delivered === true || !isAttempt ? null : row.ended_ms;
  const failed = later(row.failed_ms, newest);
  const lastDeliveredAt = dateOf(delivered);
  if (failed === null || (delivered !== null && delivered > failed)) return { lastFailure: null, lastDeliveredAt };
  const message = failed === newest ? row.error_message : row.error;
  return { lastFailure: { message: message ?? '', at: new Date(failed) }, lastDeliveredAt };
}

function later(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
