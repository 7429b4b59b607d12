// Cuts a span of time into equal buckets of whole minutes, and reads what the counts of each minute come to in them.

import type { EntityManager } from '@mikro-orm/postgresql';
import { backlogsOver } from '../../cursors/backlog-samples.ts';
import { allEndpoints } from '../../model/endpoint-stats.ts';
import { type Latencies, type Sums, latenciesOf, sums } from './endpoint-statistics.ts';

const minuteMs = 60_000;

export type Buckets = { startMs: number; widthMs: number; count: number };

export type StatsBucket = Latencies & {
  start: Date;
  delivered: number;
  failed: number;
  retrying: number;
  backlog: number | null;
};

/**
 * The buckets from the minute of `since` to the one that holds the moment before `until`: each as many whole minutes as it
 * takes to cut the time between into `wanted` parts. There is one more where `since` is not the beginning of a minute, but
 * never more than `most`.
 */
export function bucketsBetween(since: Date, until: Date, { wanted, most }: { wanted: number; most: number }): Buckets {
  const startMs = Math.floor(since.getTime() / minuteMs) * minuteMs;
  const spanMs = until.getTime() - startMs;
  if (until <= since) return { startMs, widthMs: minuteMs, count: 0 };
  const minutesFor = (ms: number, parts: number) => Math.ceil(ms / parts / minuteMs) * minuteMs;
  const widthMs = Math.max(minutesFor(until.getTime() - since.getTime(), wanted), minutesFor(spanMs, most));
  return { startMs, widthMs, count: Math.ceil(spanMs / widthMs) };
}

/** Adds up the rows of one endpoint, or those that stand for all of them together. */
const readSums = `
  select floor(extract(epoch from s.minute - to_timestamp(:start)) / :width)::int as index, ${sums}
    from webhook_endpoint_stats s
   where s.endpoint_id = :whose and s.minute >= to_timestamp(:start) and s.minute < to_timestamp(:end)
   group by index`;

const isKnown = `select exists (select 1 from webhook_endpoint_stats where endpoint_id = ?) as known`;

export type StatsQuestion = {
  /** Null: of all. */
  endpointId: string | null;
  /** The endpoint is not configured: null is the answer if it never was sent anything. */
  mayBeUnknown: boolean;
  buckets: Buckets;
  now: Date;
};

export async function readBuckets(
  em: EntityManager,
  { endpointId, mayBeUnknown, buckets, now }: StatsQuestion,
): Promise<StatsBucket[] | null> {
  if (mayBeUnknown) {
    const [row] = await em.execute<[{ known: boolean }]>(isKnown, [endpointId]);
    if (!row.known) return null;
  }
  const { startMs, widthMs, count } = buckets;
  const values = {
    whose: endpointId ?? allEndpoints,
    start: startMs / 1_000,
    width: widthMs / 1_000,
    end: (startMs + count * widthMs) / 1_000,
    count,
    now: now.getTime() / 1_000,
  };
  type Row = Sums & { index: number };
  const found = new Map((await em.execute<Row[]>(readSums, values)).map((row) => [row.index, row]));
  const backlogs = await backlogsOver(em, values);
  return Array.from({ length: count }, (_, index) => {
    const { delivered, failed, gaveUp, latencies } = found.get(index) ?? nothing;
    return {
      start: new Date(startMs + index * widthMs),
      ...{ delivered, failed: gaveUp, retrying: failed - gaveUp },
      backlog: backlogs[index] ?? null,
      ...latenciesOf(latencies),
    };
  });
}

const nothing: Sums = { delivered: 0, failed: 0, gaveUp: 0, latencies: new Uint8Array() };
