// Counts attempts by endpoint and minute, and writes the counts about once a second.

import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { bucketCount, bucketOf } from '../policy/latency-histogram.ts';
import type { Logger } from '../telemetry/logger.ts';

const writeEveryMs = 1_000;

export type Statistics = AsyncDisposable & {
  count(row: { endpointId: string; status: string; latencyMs: number; createdAt: Date }): void;
};

type Minute = { endpoint_id: string; minute: string; delivered: number; failed: number; latency_buckets: number[] };

/**
 * Each writer has rows of its own, and writes what it counted so far, not what was added: a write that is repeated
 * changes nothing. A crash loses the counts of its last second; the delivery rows have them.
 */
export function createStatistics({ orm, log }: { orm: MikroORM; log: Pick<Logger, 'warn'> }): Statistics {
  const writer = randomUUIDv7();
  const minutes = new Map<string, Minute>();
  const changed = new Set<Minute>();
  let timer: NodeJS.Timeout | null = null;
  let writing = Promise.resolve();

  async function write(): Promise<void> {
    if (changed.size === 0) return;
    const rows = [...changed];
    changed.clear();
    try {
      await orm.em.fork().execute(
        `insert into webhook_endpoint_stats (endpoint_id, minute, writer, delivered, failed, latency_buckets)
           select endpoint_id, minute, ?::uuid, delivered, failed, latency_buckets
             from json_populate_recordset(null::webhook_endpoint_stats, ?::json)
         on conflict (endpoint_id, minute, writer) do update
           set delivered = excluded.delivered, failed = excluded.failed, latency_buckets = excluded.latency_buckets`,
        [writer, JSON.stringify(rows)],
      );
      forgetMinutesBefore(Date.now() - 60_000);
    } catch (error) {
      log.warn({ reason: String((error as { code?: unknown }).code ?? error) }, 'statistics not written yet');
      for (const row of rows) changed.add(row);
      arm();
    }
  }

  function forgetMinutesBefore(ms: number): void {
    for (const [key, row] of minutes) {
      if (!changed.has(row) && Date.parse(row.minute) + 60_000 < ms) minutes.delete(key);
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
      const minute = new Date(Math.floor(createdAt.getTime() / 60_000) * 60_000).toISOString();
      const key = `${minute} ${endpointId}`;
      let row = minutes.get(key);
      if (!row) {
        row = { endpoint_id: endpointId, minute, delivered: 0, failed: 0, latency_buckets: [] };
        row.latency_buckets = Array.from({ length: bucketCount }, () => 0);
        minutes.set(key, row);
      }
      row[status === 'delivered' ? 'delivered' : 'failed'] += 1;
      row.latency_buckets[bucketOf(latencyMs)]! += 1;
      changed.add(row);
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
