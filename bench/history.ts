// A past made by SQL: as many events and delivery rows as an installation has after some time.

import type { MikroORM } from '@mikro-orm/postgresql';
import { makeLogPartitions } from '../src/log/log-partitions.ts';
import { ensurePartitions } from '../src/operations/partitions.ts';
import { dayMs } from '../src/operations/day-partitions.ts';
import { summarise } from '../src/operations/summaries.ts';

/** A pattern of all types of such events. */
export const historyTypes = 'history.%';

/** Few enough that a slow machine ends them in time. */
const rowsOfStatement = 100_000;

/**
 * Appends `count` events to the log, spread over the last `days`, of types and subjects that nobody asks for, and makes
 * every cursor as if they were settled. With `deliveries` each has one row, of the endpoints named in turn; one of a
 * hundred failed.
 */
export async function makeHistory(
  orm: MikroORM,
  { count, days, deliveries }: { count: number; days: number; deliveries?: readonly string[] },
): Promise<void> {
  await ensurePartitions(orm, new Date(Date.now() - days * dayMs), { daysAhead: days });
  const em = orm.em.fork();
  const [{ head }] = await em.execute<[{ head: number }]>('select position::float8 as head from webhook_log_head');
  const secondsOfRow = (days * dayMs) / 1_000 / count;
  for (let first = 1; first <= count; first += rowsOfStatement) {
    const last = Math.min(count, first + rowsOfStatement - 1);
    await em.transactional((inner) => makeLogPartitions(inner, head + last));
    await em.execute(
      `with events as (
         insert into webhook_events (id, type, subject, payload, created_at)
         select uuidv7(past), 'history.type_' || i % 20, 'subject-' || i % 100000,
                '{"event_type":"history.type","data":{"filler":"' || repeat('x', 250) || '"}}', now() + past
           from generate_series(?::int, ?::int) i, lateral (select make_interval(secs => (i - ?::int) * ?::float8)) p (past)
         returning *
       )
       insert into webhook_log (position, event_id, type, line, configuration, positioned_at)
       select ?::bigint + row_number() over (order by id), id, type, hashtextextended(subject, 0), 0, created_at from events`,
      [first, last, count, secondsOfRow, head + first - 1],
    );
    if (!deliveries) continue;
    await em.execute(
      `insert into webhook_deliveries (id, event_id, event_type, endpoint_id, endpoint_url, status, http_status,
                                       error_message, attempt_count, latency_ms, created_at, completed_at, position,
                                       generation, resumes, origin, configuration, writer, batch)
       select uuidv7(created_at - now()), id, webhook_events.type, (array[?])[1 + position % ?::int], 'https://example.com/hook',
              case when position % 100 = 0 then 'failed' else 'delivered' end,
              case when position % 100 = 0 then 503 else 204 end,
              case when position % 100 = 0 then 'HTTP 503' end, 1, 12.5, created_at, created_at, position, 0, 0, 'line', 1,
              '00000000-0000-7000-8000-000000000000', position / 200
         from webhook_log join webhook_events on id = event_id where position between ?::bigint + ?::int and ?::bigint + ?::int`,
      [deliveries, deliveries.length, head, first, head, last],
    );
  }
  await em.execute('update webhook_log_head set position = position + ?', [count]);
  await em.execute('update webhook_cursors set position = (select position from webhook_log_head)');
  // As an installation is after some time. Each statement of this ORM is a transaction, in which a vacuum cannot be.
  await summarise(orm);
  for (const table of ['webhook_events', 'webhook_log', 'webhook_deliveries']) await em.execute(`analyze ${table}`);
}
