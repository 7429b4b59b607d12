// Counts attempts by endpoint and minute, and writes the counts: soon after a pause, and every ten seconds under load.

import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { allEndpoints } from '../model/endpoint-stats.ts';
import { bucketCount, bucketOf, encodeHistogram } from '../policy/latency-histogram.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { createDeferredWriter } from './deferred-writer.ts';

/** A write carries all of an endpoint's minute, so under load a rare one costs much less. */
const writeEveryMs = 10_000;
const writeSoonMs = 1_000;
/** Of one statement. */
const mostRows = 5_000;
/** Beyond these the oldest counts are dropped; the delivery rows still show the attempts. */
const mostUnwritten = 100_000;

export type Statistics = AsyncDisposable & {
  count(row: { endpointId: string; status: string; latencyMs: number; createdAt: Date }): void;
};

type Counts = {
  endpointId: string;
  minute: number;
  delivered: number;
  failed: number;
  gaveUp: number;
  latencyBuckets: number[];
};

const minuteMs = 60_000;

/**
 * Each writer has rows of its own and writes totals, not increments, so a repeated write changes nothing. A crash loses
 * the counts of the last ten seconds; the delivery rows still show the attempts.
 */
export function createStatistics({
  orm,
  log,
  everyMs = writeEveryMs,
}: {
  orm: MikroORM;
  log: Pick<Logger, 'warn'>;
  everyMs?: number;
}): Statistics {
  const writer = randomUUIDv7();
  /** The newest minute of each endpoint. An earlier minute stays only in `changed` until it is written. */
  const current = new Map<string, Counts>();
  const changed = new Set<Counts>();
  /** Late counts go to this minute: an earlier one was dropped, would restart from zero and overwrite its own row. */
  let firstKept = 0;
  let writtenAt = -Infinity;
  const deferred = createDeferredWriter(write, () => Math.max(writeSoonMs, writtenAt + everyMs - performance.now()));

  async function write(): Promise<void> {
    if (changed.size === 0) return;
    writtenAt = performance.now();
    const rows = [...changed];
    changed.clear();
    try {
      for (let first = 0; first < rows.length; first += mostRows) await insert(rows.slice(first, first + mostRows));
      forgetBefore(Date.now() / minuteMs - 2);
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'statistics not written yet');
      for (const row of rows) changed.add(row);
      deferred.arm();
    }
  }

  async function insert(rows: readonly Counts[]): Promise<void> {
    await orm.em.fork().execute(
      `insert into webhook_endpoint_stats (endpoint_id, minute, writer, delivered, failed, gave_up, latency_buckets)
         select endpoint_id, minute, ?::uuid, delivered, failed, gave_up, latency_buckets
           from json_populate_recordset(null::webhook_endpoint_stats, ?::json)
       on conflict (endpoint_id, minute, writer) do update
         set delivered = excluded.delivered, failed = excluded.failed, gave_up = excluded.gave_up,
             latency_buckets = excluded.latency_buckets`,
      [writer, JSON.stringify(rows.map(toRow))],
    );
  }

  function forgetBefore(minute: number): void {
    firstKept = Math.max(firstKept, Math.ceil(minute));
    for (const [id, counts] of current) {
      if (counts.minute < minute && !changed.has(counts)) current.delete(id);
    }
  }

  function countsOf(endpointId: string, minute: number): Counts {
    const counts = current.get(endpointId);
    // After the clock was set back, the newest minute goes on: a minute begun twice would overwrite its own row.
    if (counts && counts.minute >= minute) return counts;
    const latencyBuckets = Array.from({ length: bucketCount }, () => 0);
    const begun = { endpointId, minute, delivered: 0, failed: 0, gaveUp: 0, latencyBuckets };
    current.set(endpointId, begun);
    return begun;
  }

  return {
    count({ endpointId, status, latencyMs, createdAt }) {
      const minute = Math.max(firstKept, Math.floor(createdAt.getTime() / minuteMs));
      const bucket = bucketOf(latencyMs);
      // Whoever asks of all at once need not read the rows of each.
      for (const whose of [endpointId, allEndpoints]) {
        const counts = countsOf(whose, minute);
        counts[status === 'delivered' ? 'delivered' : 'failed'] += 1;
        if (status === 'failed') counts.gaveUp += 1;
        counts.latencyBuckets[bucket]! += 1;
        changed.add(counts);
      }
      if (changed.size > mostUnwritten) changed.delete(changed.values().next().value!);
      deferred.arm();
    },
    [Symbol.asyncDispose]: () => deferred[Symbol.asyncDispose](),
  };
}

function toRow({ endpointId, minute, delivered, failed, gaveUp, latencyBuckets }: Counts) {
  const start = new Date(minute * minuteMs).toISOString();
  return {
    endpoint_id: endpointId,
    minute: start,
    delivered,
    failed,
    gave_up: gaveUp,
    // How Postgres reads bytes in JSON.
    latency_buckets: `\\x${Buffer.from(encodeHistogram(latencyBuckets)).toString('hex')}`,
  };
}
