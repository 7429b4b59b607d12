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
  /** The oldest batches that were not seen, first the one that was seen in part: about `rows`, and at least one batch. */
  page(seen: Seen, rows: number): Promise<BatchPage>;
  /** Whole rows, by their ids. */
  rows(ids: readonly string[]): Promise<Map<string, WebhookDelivery>>;
  history(): Promise<History>;
};

/** Batches of writers that began before it are not looked for. A cursor is good for a day, and an outage may have been as long. */
const lookBackMs = 2 * 24 * 60 * 60_000;

const mostBatches = 32;

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

const head = `
  select extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs", log_id::text as "logId", epoch from webhook_log_head`;

const newest = (since: string) => `${writersSince(since)}
  select w.writer, last.batch::float8 as batch, extract(epoch from last.recorded_at)::float8 * 1000 as at
  from writers w left join named using (writer) cross join lateral (
    select batch, recorded_at from webhook_deliveries
    where batch_from is not null and id >= '${since}' and writer = w.writer order by batch desc limit 1
  ) last where named.writer is null`;

/**
 * The last batch of each writer that was recorded up to a time. A writer's batches are recorded in the order of their
 * numbers, so it is found by halves, however many came since: at `low` and before is it, at `high` and after it is not.
 */
const newestUpTo = (since: string) => `${writersSince(since)}, halves as (
    select w.writer, 0::bigint as low, 0::float8 as at, last.batch + 1 as high
    from writers w left join named using (writer) cross join lateral (
      select batch from webhook_deliveries
      where batch_from is not null and id >= '${since}' and writer = w.writer order by batch desc limit 1
    ) last where named.writer is null
    union all
    select h.writer, case when is_low then batch else h.low end, case when is_low then recorded else h.at end,
           case when is_low then h.high else h.low + (h.high - h.low) / 2 end
    from halves h left join lateral (
      select batch, extract(epoch from recorded_at)::float8 * 1000 as recorded from webhook_deliveries
      where batch_from is not null and id >= '${since}' and writer = h.writer
        and batch >= h.low + (h.high - h.low) / 2 order by batch limit 1
    ) next on true cross join lateral (
      select coalesce(batch < h.high and recorded <= ?::float8, false) as is_low
    ) compared
    where h.high - h.low > 1
  )
  select writer, low::float8 as batch, at from halves where high - low <= 1 and low > 0`;

const page = (since: string, batches: number) => `${writersSince(since)}
  select w.writer, b.*, head.log_id::text as "logId", head.epoch
  from webhook_log_head head cross join writers w left join named using (writer) cross join lateral (
    select id as last, batch_from as first, batch::float8 as batch,
      extract(epoch from recorded_at)::float8 * 1000 as at
    from webhook_deliveries d
    where batch_from is not null and id >= '${since}' and d.writer = w.writer and d.batch > coalesce(named.batch, 0)
    order by d.batch limit ${batches}
  ) b`;

type Found = History & { writer: string; batch: number; first: string; last: string; at: number };
type Placed = { writer: string; batch: number; at: number };

export function createBatchReader(reads: MikroORM): BatchReader {
  /** Of the last page: under load a batch has hundreds, and those that do not fit a page would be read for nothing. */
  let rowsOfBatch = 1;
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
      const em = reads.em.fork();
      const [{ nowMs }] = await em.execute<[{ nowMs: number }]>(head);
      const found =
        idleSince === null
          ? await em.execute<Placed[]>(newest(since()), [batchesOf(named)])
          : await em.execute<Placed[]>(newestUpTo(since()), [batchesOf(named), idleSince]);
      const writers: Seen['writers'] = new Map(named);
      for (const { writer, batch, at } of found) writers.set(writer, { batch, at: Math.round(at) });
      const at = Math.max(0, ...[...writers.values()].map((one) => one.at));
      return { seen: { writers, at: at || Math.round(nowMs), part: null }, nowMs: Math.round(nowMs) };
    },
    async page({ writers, part }, mostRows) {
      const em = reads.em.fork();
      const most = Math.max(1, Math.min(mostBatches, Math.ceil(mostRows / rowsOfBatch)));
      const found = await em.execute<Found[]>(page(since(), most), [batchesOf(writers)]);
      const begun = found.filter(({ writer, batch }) => part?.writer === writer && part.batch === batch);
      const others = found.filter((one) => !begun.includes(one));
      const chosen = [...begun, ...oldestFirst(others)].slice(0, most);
      const rows = chosen.length === 0 ? new Map<string, RecordedRow[]>() : await rowsOf(chosen);
      const batches = chosen.map(({ writer, batch, at, logId, epoch }) => ({
        ...{ writer, batch, at: Math.round(at), history: { logId, epoch } },
        rows: rows.get(`${writer} ${batch}`) ?? [],
      }));
      const fitting = firstRows(batches, mostRows);
      if (batches.length > 0) rowsOfBatch = Math.max(1, countRows(batches) / batches.length);
      return { batches: fitting, isFull: chosen.length === most || fitting.length < batches.length };
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

/** At least one. */
function firstRows(batches: readonly RecordedBatch[], mostRows: number): RecordedBatch[] {
  let rows = 0;
  return batches.filter((batch, index) => (rows += batch.rows.length) <= mostRows || index === 0);
}

const countRows = (batches: readonly RecordedBatch[]) => batches.reduce((sum, { rows }) => sum + rows.length, 0);

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
