// What the database holds at the end of a journey.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { StoredAttempt } from './history-check.ts';
import type { StoredEvent } from './line-check.ts';

export type StoredRow = StoredAttempt & {
  position: number;
  httpStatus: number | null;
  error: string | null;
  origin: string;
  url: string;
};

/** The log in the order of its positions; what has none yet comes last. */
export async function readLog(orm: MikroORM): Promise<StoredEvent[]> {
  return await orm.em
    .fork()
    .execute('select id, position::float8 as position, type, payload from webhook_events order by position');
}

/** Every row of every attempt, in the order in which the attempts were recorded. */
export async function readAttempts(orm: MikroORM): Promise<StoredRow[]> {
  return await orm.em.fork().execute(
    `select event_id as "eventId", endpoint_id as endpoint, endpoint_url as url, attempt_count as attempt, status,
            http_status as "httpStatus", error_message as error, origin, position::float8 as position
       from webhook_deliveries order by id`,
  );
}
