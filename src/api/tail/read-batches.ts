// Reads what recorders have written, batch by batch. Each read is one snapshot: what led to a row, such as the attempt before
// it, was committed before it was written, so it is in the snapshot too, and has an earlier time by the database's clock.

import type { MikroORM } from '@mikro-orm/postgresql';
import { firstIdOf } from '../../model/uuid.ts';
import { WebhookDelivery } from '../../model/webhook-delivery.ts';
import type { History, Seen } from './seen.ts';

/** A row, as far as filters look at it. */
export type RecordedRow = Pick<WebhookDelivery, 'id' | 'endpointId' | 'status'>;

/** What one transaction of a recorder wrote. */
export type RecordedBatch = {
  writer: string;
  batch: number;
  /** In Unix ms by the database's clock. */
  at: number;
  history: History;
  /** In the order in which they were made. */
  rows: RecordedRow[];
};

/** `isFull`: there may be more. */
export type BatchPage = { batches: RecordedBatch[]; isFull: boolean };

export type BatchReader = {
  /** What is there: of the writers that `seen` does not name only what was recorded up to `idleSince`. */
  place(named: Seen['writers'], idleSince: number | null): Promise<{ seen: Seen; nowMs: number }>;
  /** The oldest batches that were not seen, first the one that was seen in part. */
  page(seen: Seen): Promise<BatchPage>;
  /** Whole rows, by their ids. */
  rows(ids: readonly string[]): Promise<Map<string, WebhookDelivery>>;
  history(): Promise<History>;
};

/** Batches of writers that began before it are not looked for. A cursor is good for a day, and an outage may have been as long. */
const lookBackMs = 2 * 24 * 60 * 60_000;

const batchesOfPage = 8;

/** Each step goes to the next writer in the index, past all of this one's batches. */
const writersSince = (since: string) => `
  with recursive writers as (
    (select writer from webhook_deliveries where batch_from is not null and id >= '${since}' order by writer limit 1)
    union all
    select next.writer from writers w cross join lateral (
      select writer from webhook_deliveries
      where batch_from is not null and id >= '${since}' and writer > w.writer order by writer limit 1
    ) next
  ), named as (select * from jsonb_to_recordset(?::jsonb) as named (writer uuid, batch bigint))`;

const place = (since: string) => `${writersSince(since)}
  select w.writer, last.batch::float8 as batch, extract(epoch from last.recorded_at)::float8 * 1000 as at,
    extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs", head.log_id::text as "logId", head.epoch
  from webhook_log_head head left join writers w on true left join named using (writer) left join lateral (
    select batch, recorded_at from webhook_deliveries
    where batch_from is not null and id >= '${since}' and writer = w.writer
      and (batch = named.batch or (named.batch is null and (?::timestamptz is null or recorded_at <= ?::timestamptz)))
    order by batch desc limit 1
  ) last on true`;

const page = (since: string) => `${writersSince(since)}
  select w.writer, b.*, head.log_id::text as "logId", head.epoch
  from webhook_log_head head cross join writers w left join named using (writer) cross join lateral (
    select id as last, batch_from as first, batch::float8 as batch,
      extract(epoch from recorded_at)::float8 * 1000 as at
    from webhook_deliveries d
    where batch_from is not null and id >= '${since}' and d.writer = w.writer and d.batch > coalesce(named.batch, 0)
    order by d.batch limit ${batchesOfPage}
  ) b`;

type Found = History & { writer: string; batch: number; first: string; last: string; at: number };
type Placed = History & { writer: string | null; batch: number | null; at: number | null; nowMs: number };

export function createBatchReader(reads: MikroORM): BatchReader {
  const since = () => firstIdOf(Date.now() - lookBackMs);
  const batchesOf = (writers: Seen['writers']) =>
    JSON.stringify([...writers].map(([writer, { batch }]) => ({ writer, batch })));

  return {
    async history() {
      const [found] = await reads.em
        .fork()
        .execute<[History]>('select log_id::text as "logId", epoch from webhook_log_head');
      return found;
    },
    async place(named, idleSince) {
      const until = idleSince === null ? null : new Date(idleSince).toISOString();
      const em = reads.em.fork();
      const values = [batchesOf(named), until, until];
      const found = await em.execute<[Placed, ...Placed[]]>(place(since()), values);
      const writers: Seen['writers'] = new Map(named);
      for (const { writer, batch, at } of found) {
        if (writer !== null && batch !== null && at !== null) writers.set(writer, { batch, at: Math.round(at) });
      }
      const nowMs = Math.round(found[0].nowMs);
      const at = Math.max(0, ...[...writers.values()].map((one) => one.at));
      return { seen: { writers, at: at || nowMs, part: null }, nowMs };
    },
    async page({ writers, part }) {
      const em = reads.em.fork();
      const found = await em.execute<Found[]>(page(since()), [batchesOf(writers)]);
      const begun = found.filter(({ writer, batch }) => part?.writer === writer && part.batch === batch);
      const others = found.filter((one) => !begun.includes(one));
      const chosen = [...begun, ...oldestFirst(others)].slice(0, batchesOfPage);
      const rows = chosen.length === 0 ? new Map<string, RecordedRow[]>() : await rowsOf(chosen);
      const batches = chosen.map(({ writer, batch, at, logId, epoch }) => ({
        ...{ writer, batch, at: Math.round(at), history: { logId, epoch } },
        rows: rows.get(`${writer} ${batch}`) ?? [],
      }));
      return { batches, isFull: chosen.length === batchesOfPage };
    },
    async rows(ids) {
      const options = { disableIdentityMap: true };
      const found = await reads.em.fork().find(WebhookDelivery, { id: { $in: [...ids] } }, options);
      return new Map(found.map((row) => [row.id, row]));
    },
  };

  async function rowsOf(batches: readonly Found[]): Promise<Map<string, RecordedRow[]>> {
    const from = batches.reduce((least, { first }) => (first < least ? first : least), batches[0]!.first);
    const to = batches.reduce((most, { last }) => (last > most ? last : most), batches[0]!.last);
    const rows = await reads.em.fork().execute<(RecordedRow & { writer: string; batch: number })[]>(
      `select d.id, d.endpoint_id as "endpointId", d.status, b.writer, b.batch::float8 as batch
       from jsonb_to_recordset(?::jsonb) as b (writer uuid, batch bigint, first uuid, last uuid)
       join webhook_deliveries d on d.writer = b.writer and d.batch = b.batch and d.id between b.first and b.last
       where d.id between ? and ? order by d.id`,
      [JSON.stringify(batches.map(({ writer, batch, first, last }) => ({ writer, batch, first, last }))), from, to],
    );
    return Map.groupBy(rows, ({ writer, batch }) => `${writer} ${batch}`);
  }
}

/** Merges the writers' lists, each in its own order, whatever became of the clock: next is the head that was recorded first. */
function oldestFirst(found: readonly Found[]): Found[] {
  const lists = [...Map.groupBy(found, ({ writer }) => writer).values()].map((list) =>
    list.toSorted((one, other) => one.batch - other.batch),
  );
  const merged: Found[] = [];
  for (;;) {
    const heads = lists.filter((list) => list.length > 0);
    if (heads.length === 0) return merged;
    const next = heads.reduce((oldest, list) => (list[0]!.at < oldest[0]!.at ? list : oldest));
    merged.push(next.shift()!);
  }
}
