// Statistics of endpoints' attempts, from the counts for each minute.

import type { EntityManager } from '@mikro-orm/postgresql';
import { bucketCount, quantile } from '../../policy/latency-histogram.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

const intervals = { HOUR: '1 hour', DAY: '1 day', WEEK: '7 days' } as const;
export type Window = keyof typeof intervals;

export type Statistics = {
  delivered: number;
  failed: number;
  gaveUp: number;
  /** In ms, within 5 %; null when there was no attempt. */
  latencyP50Ms: number | null;
  latencyP95Ms: number | null;
  latencyP99Ms: number | null;
};

const readCounts = `
  select s.endpoint_id, sum(s.delivered)::float8 as delivered, sum(s.failed)::float8 as failed,
         sum(s.gave_up)::float8 as gave_up
  from webhook_endpoint_stats s
  join jsonb_array_elements_text(?::jsonb) asked (endpoint_id) using (endpoint_id)
  where s.minute > now() - ?::interval
  group by s.endpoint_id`;

const readBuckets = `
  select s.endpoint_id, latency.bucket::int as bucket, sum(latency.attempts)::float8 as attempts
  from webhook_endpoint_stats s
  join jsonb_array_elements_text(?::jsonb) asked (endpoint_id) using (endpoint_id)
  cross join lateral unnest(s.latency_buckets) with ordinality as latency (attempts, bucket)
  where s.minute > now() - ?::interval and latency.attempts > 0
  group by s.endpoint_id, latency.bucket`;

/** Statistics by endpoint id; an endpoint that nothing was sent to in the window has none. */
export async function statistics(
  em: EntityManager,
  endpoints: readonly Endpoint[],
  window: Window,
): Promise<Map<string, Statistics>> {
  type Counts = { endpoint_id: string; delivered: number; failed: number; gave_up: number };
  type Bucket = { endpoint_id: string; bucket: number; attempts: number };
  const parameters = [JSON.stringify(endpoints.map(({ id }) => id)), intervals[window]];
  const counts = await em.execute<Counts[]>(readCounts, parameters);
  const buckets = Map.groupBy(await em.execute<Bucket[]>(readBuckets, parameters), (row) => row.endpoint_id);
  return new Map(
    counts.map(({ endpoint_id, delivered, failed, gave_up: gaveUp }) => {
      const histogram = Array.from({ length: bucketCount }, () => 0);
      // Postgres counts array elements from 1.
      for (const { bucket, attempts } of buckets.get(endpoint_id) ?? []) histogram[bucket - 1] = attempts;
      const at = (q: number) => quantile(histogram, q);
      return [
        endpoint_id,
        { delivered, failed, gaveUp, latencyP50Ms: at(0.5), latencyP95Ms: at(0.95), latencyP99Ms: at(0.99) },
      ];
    }),
  );
}
