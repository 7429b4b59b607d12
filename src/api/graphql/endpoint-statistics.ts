// Statistics of endpoints' attempts, from the counts for each minute.

import type { EntityManager } from '@mikro-orm/postgresql';
import { decodeHistograms, quantile } from '../../policy/latency-histogram.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

/** `atOnce`: so many endpoints' rows are put together in one statement, whose answer is in memory at once. */
const windows = {
  HOUR: { interval: '1 hour', atOnce: 200 },
  DAY: { interval: '1 day', atOnce: 50 },
  WEEK: { interval: '7 days', atOnce: 10 },
} as const;
export type Window = keyof typeof windows;

/** In ms, within 5 %; null when there was no attempt. */
export type Latencies = { latencyP50Ms: number | null; latencyP95Ms: number | null; latencyP99Ms: number | null };

export type Statistics = Latencies & { delivered: number; failed: number; gaveUp: number };

/** Columns that add up rows `s`, of any minutes and writers. */
export const sums = `sum(s.delivered)::float8 as delivered, sum(s.failed)::float8 as failed,
  sum(s.gave_up)::float8 as "gaveUp", string_agg(s.latency_buckets, ''::bytea) as latencies`;
export type Sums = { delivered: number; failed: number; gaveUp: number; latencies: Uint8Array };

export function latenciesOf(encoded: Uint8Array): Latencies {
  const histogram = decodeHistograms(encoded);
  const at = (q: number) => quantile(histogram, q);
  return { latencyP50Ms: at(0.5), latencyP95Ms: at(0.95), latencyP99Ms: at(0.99) };
}

const readSums = `
  select s.endpoint_id as id, ${sums}
  from webhook_endpoint_stats s
  join jsonb_array_elements_text(?::jsonb) asked (endpoint_id) using (endpoint_id)
  where s.minute > now() - ?::interval
  group by s.endpoint_id`;

/** Statistics by endpoint id; an endpoint that nothing was sent to in the window has none. */
export async function statistics(
  em: EntityManager,
  endpoints: readonly Endpoint[],
  window: Window,
): Promise<Map<string, Statistics>> {
  const { interval, atOnce } = windows[window];
  const found = new Map<string, Statistics>();
  for (let first = 0; first < endpoints.length; first += atOnce) {
    const ids = endpoints.slice(first, first + atOnce).map(({ id }) => id);
    const rows = await em.execute<(Sums & { id: string })[]>(readSums, [JSON.stringify(ids), interval]);
    for (const { id, latencies, ...counts } of rows) found.set(id, { ...counts, ...latenciesOf(latencies) });
  }
  return found;
}
