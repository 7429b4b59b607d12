// What the database holds at the end of a run.

import { createHash } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { eventually } from './eventually.ts';
import type { LoggedEvent, RecordedAttempt } from './judge/history.ts';
import { wallToMonotonic } from './monotonic-clock.ts';

export type StoredEvent = { id: string; position: number; type: string; payload: string };

export type StoredRow = RecordedAttempt & {
  httpStatus: number | null;
  error: string | null;
  origin: string;
  url: string;
};

/** The log in the order of its positions; what has none yet comes last. */
export async function readLog(orm: MikroORM): Promise<StoredEvent[]> {
  return await orm.em.fork().execute(`select id, position::float8 as position, e.type, payload
       from webhook_events e left join webhook_log on event_id = id order by position`);
}

/** The log, once all that was recorded has its position: also what the service has just told of its own operation. */
export async function readWholeLog(orm: MikroORM): Promise<StoredEvent[]> {
  return await eventually(
    async () => {
      const log = await readLog(orm);
      return log.every(({ position }) => position !== null) ? log : null;
    },
    { saying: 'a position for each event' },
  );
}

/** Those that an endpoint with the pattern `*` gets: none of the service's own operation. */
export function forEverybody(events: readonly StoredEvent[]): StoredEvent[] {
  return events.filter(({ type }) => !type.startsWith('webhook.'));
}

/** The events as the judge knows them. */
export function toLogged(events: readonly StoredEvent[]): LoggedEvent[] {
  return events.map(({ id, position, payload }) => {
    return { id, position, bodySha: createHash('sha256').update(payload).digest('hex') };
  });
}

/**
 * Every row of every attempt, in the order in which the attempts were recorded. A row was there from its commit on, where
 * the server keeps the times of commits: an instance may be stopped between insert and commit.
 */
export async function readAttempts(orm: MikroORM): Promise<StoredRow[]> {
  const offset = wallToMonotonic();
  const rows = await orm.em.fork().execute<StoredRow[]>(
    `select event_id as "eventId", endpoint_id as endpoint, endpoint_url as url, attempt_count as attempt, status,
            http_status as "httpStatus", http_status is not null as answered, error_message as error, origin,
            position::float8 as position, extract(epoch from case when current_setting('track_commit_timestamp')::boolean
                                    then greatest(recorded_at, pg_xact_commit_timestamp(xmin))
                                    else recorded_at end)::float8 * 1000 as "recordedAt"
       from webhook_deliveries order by id`,
  );
  for (const row of rows) row.recordedAt += offset;
  return rows;
}
