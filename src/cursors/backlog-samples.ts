// The backlogs of the past: a sample of each minute, and what they say of a span of time.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { exactTo } from '../dispatch/cursor-state.ts';
import { allEndpoints } from '../model/endpoint-stats.ts';

/**
 * The backlogs at the beginning of the present minute, as the owners of the endpoints wrote them within the last seconds. Of
 * several instances the first one notes them. 10,000 endpoints cost as many looks into an index; a row is written where
 * something changed. The five seconds are for clocks that differ.
 */
const sample = `
  with moment as (
    insert into webhook_backlog_samples (endpoint_id, at, backlog)
      select '${allEndpoints}', date_trunc('minute', clock_timestamp() + interval '5 s'), coalesce(sum(least(backlog, ${exactTo})), 0)
        from webhook_cursors where position is not null
    on conflict do nothing
    returning at
  )
  insert into webhook_backlog_samples as s (endpoint_id, at, backlog)
    select c.endpoint_id, moment.at, present.backlog
      from moment
     cross join webhook_cursors c
     cross join lateral (select case when c.position is null then 0 else least(c.backlog, ${exactTo}) end as backlog) present
      left join lateral (
        select backlog from webhook_backlog_samples where endpoint_id = c.endpoint_id order by at desc limit 1
      ) last on true
     where present.backlog <> coalesce(last.backlog, 0)
  on conflict (endpoint_id, at) do update set backlog = excluded.backlog`;

export async function sampleBacklogs(orm: MikroORM): Promise<void> {
  await orm.em.fork().execute(sample);
}

/**
 * The backlog at the end of a bucket is that of the endpoint's last sample, if backlogs were looked at about then. Before its
 * first sample nothing waited. In the present bucket it is what the owners wrote last.
 */
const readSamples = `
  select case
           when to_timestamp(:now) between ends.at - make_interval(secs => :width) and ends.at then (
             select coalesce(sum(least(c.backlog, ${exactTo})), 0) from webhook_cursors c
              where c.position is not null and :whose in (c.endpoint_id, '${allEndpoints}'))
           when ends.at <= to_timestamp(:now) and exists (
             select 1 from webhook_backlog_samples s
              where s.endpoint_id = '${allEndpoints}' and s.at > ends.at - interval '2 min' and s.at <= ends.at) then coalesce((
             select s.backlog from webhook_backlog_samples s
              where s.endpoint_id = :whose and s.at <= ends.at order by s.at desc limit 1), 0)
         end::int as backlog
    from generate_series(0, :count::int - 1) index
   cross join lateral (select to_timestamp(:start::float8 + (index + 1) * :width::float8) as at) ends
   order by index`;

/** Buckets of `width` from `start` on, and what time it is, in seconds of Unix time. `whose`: of an endpoint, or `*`. */
type Span = { whose: string; start: number; width: number; count: number; now: number };

/** How many events waited at the end of each bucket; null where it is not known. */
export async function backlogsOver(
  em: EntityManager,
  { whose, start, width, count, now }: Span,
): Promise<(number | null)[]> {
  const rows = await em.execute<{ backlog: number | null }[]>(readSamples, { whose, start, width, count, now });
  return rows.map(({ backlog }) => backlog);
}
