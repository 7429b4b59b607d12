// Counts attempts by endpoint and minute, and writes the counts about once a second.

import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { bucketCount, bucketOf } from '../policy/latency-histogram.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';

const writeEveryMs = 1_000;
/** Of one statement. */
const mostRows = 5_000;
/** Beyond these the oldest are forgotten; the delivery rows have them. */
const mostUnwritten = 100_000;

export type Statistics = AsyncDisposable & {
  count(row: { endpointId: string; status: string; latencyMs: number; createdAt: Date }): void;
};

type Counts = { endpointId: string; minute: number; delivered: number; failed: number; latencyBuckets: number[] };

const minuteMs = 60_000;

/**
 * Each writer has rows of its own, and writes what it counted so far, not what was added: a write that is repeated
 * changes nothing. A crash loses the counts of its last second; the delivery rows have them.
 */
export function createStatistics({ orm, log }: { orm: MikroORM; log: Pick<Logger, 'warn'> }): Statistics {
  const writer = randomUUIDv7();
  /** By endpoint: its newest minute. A minute that is over is kept in `changed` alone until it is written. */
  const current = new Map<string, Counts>();
  const changed = new Set<Counts>();
  /** What is counted late goes to this minute: an earlier one that was forgotten would begin again and overwrite itself. */
  let firstKept = 0;
  let timer: NodeJS.Timeout | null = null;
  let writing = Promise.resolve();

  async function write(): Promise<void> {
    if (changed.size === 0) return;
    const rows = [...changed];
    changed.clear();
    try {
      for (let first = 0; first < rows.length; first += mostRows) await insert(rows.slice(first, first + mostRows));
      forgetBefore(Date.now() / minuteMs - 2);
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'statistics not written yet');
      for (const row of rows) changed.add(row);
      arm();
    }
  }

  async function insert(rows: readonly Counts[]): Promise<void> {
    await orm.em.fork().execute(
      `insert into webhook_endpoint_stats (endpoint_id, minute, writer, delivered, failed, latency_buckets)
         select endpoint_id, minute, ?::uuid, delivered, failed, latency_buckets
           from json_populate_recordset(null::webhook_endpoint_stats, ?::json)
       on conflict (endpoint_id, minute, writer) do update
         set delivered = excluded.delivered, failed = excluded.failed, latency_buckets = excluded.latency_buckets`,
      [writer, JSON.stringify(rows.map(toRow))],
    );
  }

  function forgetBefore(minute: number): void {
    firstKept = Math.max(firstKept, Math.ceil(minute));
    for (const [id, counts] of current) {
      if (counts.minute < minute && !changed.has(counts)) current.delete(id);
    }
  }

  function arm(): void {
    timer ??= setTimeout(() => {
      timer = null;
      writing = write();
    }, writeEveryMs);
  }

  return {
    count({ endpointId, status, latencyMs, createdAt }) {
      const minute = Math.max(firstKept, Math.floor(createdAt.getTime() / minuteMs));
      let counts = current.get(endpointId);
      // A clock set back counts on in the newest minute: a minute begun twice would overwrite itself.
      if (!counts || counts.minute < minute) {
        const latencyBuckets = Array.from({ length: bucketCount }, () => 0);
        counts = { endpointId, minute, delivered: 0, failed: 0, latencyBuckets };
        current.set(endpointId, counts);
      }
      counts[status === 'delivered' ? 'delivered' : 'failed'] += 1;
      counts.latencyBuckets[bucketOf(latencyMs)]! += 1;
      changed.add(counts);
      if (changed.size > mostUnwritten) changed.delete(changed.values().next().value!);
      arm();
    },
    async [Symbol.asyncDispose]() {
      if (timer) clearTimeout(timer);
      await writing;
      await write();
      if (timer) clearTimeout(timer);
    },
  };
}

function toRow({ endpointId, minute, delivered, failed, latencyBuckets }: Counts) {
  const start = new Date(minute * minuteMs).toISOString();
  return { endpoint_id: endpointId, minute: start, delivered, failed, latency_buckets: latencyBuckets };
}
