// Remembers how the newest attempts for each endpoint ended, and writes it about once a second.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { createDeferredWriter } from './deferred-writer.ts';
import type { DeliveryRow } from './delivery-row.ts';

const writeEveryMs = 1_000;
/** Of one statement. */
const mostRows = 5_000;
/** Beyond these the oldest are dropped; the delivery rows still show the attempts. */
const mostUnwritten = 100_000;

export type Outcomes = AsyncDisposable & {
  note(row: Pick<DeliveryRow, 'endpointId' | 'status' | 'errorMessage' | 'createdAt' | 'latencyMs'>): void;
};

/** Unix ms. */
type Newest = { deliveredAt: number | null; failedAt: number | null; error: string | null };

/** Rows of several threads meet in one; each keeps the newer time, so a repeated or late write changes nothing. */
const write = `
  insert into webhook_endpoint_outcomes as o (endpoint_id, delivered_at, failed_at, error)
    select endpoint_id, delivered_at, failed_at, error
      from json_populate_recordset(null::webhook_endpoint_outcomes, ?::json) order by endpoint_id
  on conflict (endpoint_id) do update
    set delivered_at = greatest(o.delivered_at, excluded.delivered_at),
        error = case when excluded.failed_at >= coalesce(o.failed_at, '-infinity') then excluded.error else o.error end,
        failed_at = greatest(o.failed_at, excluded.failed_at)`;

/** A crash loses the last second; the delivery rows still show the attempts. */
export function createOutcomes({ orm, log }: { orm: MikroORM; log: Pick<Logger, 'warn'> }): Outcomes {
  let unwritten = new Map<string, Newest>();
  const writer = createDeferredWriter(writeAll, () => writeEveryMs);

  async function writeAll(): Promise<void> {
    const rows = [...unwritten];
    unwritten = new Map();
    try {
      for (let first = 0; first < rows.length; first += mostRows) {
        const some = rows.slice(first, first + mostRows).map(([id, newest]) => rowOf(id, newest));
        await orm.em.fork().execute(write, [JSON.stringify(some)]);
      }
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'outcomes of endpoints not written yet');
      for (const [id, newest] of rows) keep(id, newest);
      writer.arm();
    }
  }

  function keep(endpointId: string, { deliveredAt, failedAt, error }: Newest): void {
    const known = unwritten.get(endpointId) ?? { deliveredAt: null, failedAt: null, error: null };
    if (deliveredAt !== null && deliveredAt >= (known.deliveredAt ?? 0)) known.deliveredAt = deliveredAt;
    if (failedAt !== null && failedAt >= (known.failedAt ?? 0)) Object.assign(known, { failedAt, error });
    unwritten.set(endpointId, known);
    if (unwritten.size > mostUnwritten) unwritten.delete(unwritten.keys().next().value!);
  }

  return {
    note({ endpointId, status, errorMessage, createdAt, latencyMs }) {
      const endedAt = createdAt.getTime() + Math.round(latencyMs);
      const isDelivered = status === 'delivered';
      keep(endpointId, {
        deliveredAt: isDelivered ? endedAt : null,
        failedAt: isDelivered ? null : endedAt,
        error: errorMessage,
      });
      writer.arm();
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
}

function rowOf(id: string, { deliveredAt, failedAt, error }: Newest) {
  const moment = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  return { endpoint_id: id, delivered_at: moment(deliveredAt), failed_at: moment(failedAt), error };
}
