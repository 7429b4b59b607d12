// A past of endpoints made by SQL: what was counted of their attempts, and an event that went to all of them.

import type { MikroORM } from '@mikro-orm/postgresql';
import { encodeHistogram } from '../src/policy/latency-histogram.ts';

/** Nobody asks for it. */
export const wideType = 'bench.wide';

/** Of an installation of a few instances with some threads each. */
const writers = 4;

/**
 * For each minute of the last `days` a row of each endpoint, and of all together one of each writer, with latencies as wide
 * apart as the attempts of many endpoints have them.
 */
export async function makeStatistics(
  orm: MikroORM,
  { endpoints, days }: { endpoints: readonly string[]; days: number },
): Promise<void> {
  const histogram = (buckets: number) =>
    Buffer.from(encodeHistogram(Array.from({ length: 60 + buckets }, (_, at) => (at < 60 ? 0 : 20)))).toString('hex');
  const em = orm.em.fork();
  for (let day = 0; day < days; day += 1) {
    await em.execute(
      `insert into webhook_endpoint_stats (endpoint_id, minute, writer, delivered, failed, gave_up, latency_buckets)
         select endpoint_id, date_trunc('minute', now()) - make_interval(days => ?::int, mins => minute), gen_random_uuid(),
                100, 2, 1, decode(case when endpoint_id = '*' then ? else ? end, 'hex')
           from generate_series(0, 24 * 60 - 1) minute,
                (select json_array_elements_text(?::json) union all select '*' from generate_series(1, ${writers})) e (endpoint_id)`,
      [day, histogram(40), histogram(10), JSON.stringify(endpoints)],
    );
  }
  await em.execute('analyze webhook_endpoint_stats');
}

/** The log's last event, delivered to every endpoint. */
export async function makeWideEvent(orm: MikroORM, endpoints: readonly string[]): Promise<void> {
  await orm.em.fork().transactional(async (em) => {
    const [{ position }] = await em.execute<[{ position: number }]>(
      'update webhook_log_head set position = position + 1 returning position::float8 as position',
    );
    await em.execute(
      `with event as (
         insert into webhook_events (id, type, payload, created_at) values (uuidv7(), ?, '{}', now()) returning *
       ), logged as (
         insert into webhook_log (position, event_id, type, line, configuration, positioned_at)
           select ?, id, type, 0, 0, now() from event
       )
       insert into webhook_deliveries (id, event_id, event_type, endpoint_id, endpoint_url, status, http_status, attempt_count,
                                       latency_ms, created_at, completed_at, position, generation, resumes, origin,
                                       configuration, writer, batch)
         select uuidv7(), id, type, endpoint_id, 'https://example.com/hook', 'delivered', 204, 1, 12.5, now(), now(), ?, 0, 0,
                'line', 1, gen_random_uuid(), 1
           from event, json_array_elements_text(?::json) endpoint_id`,
      [wideType, position, position, JSON.stringify(endpoints)],
    );
  });
}
