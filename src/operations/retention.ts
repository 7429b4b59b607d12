// Keeps the logs for DELIVERY_RETENTION: each hour drops what is old of the log and then a day of events and of deliveries,
// but nothing that is still needed.

import { setTimeout as sleep } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import { leastRetentionMs } from '../settings/relations.ts';
import type { Logger } from '../telemetry/logger.ts';
import { partitionProblem } from './day-partitions.ts';
import { dropOldLog, keptOfLog } from './old-log.ts';
import { type Dropped, type KeptPartition, dropOldDeliveries, dropOldEvents } from './old-partitions.ts';
import { type Purge, logPurge, purge, purges } from './old-rows.ts';

type Kept = { table: string; endpoints: readonly string[] };

export type RetentionParts = {
  orm: MikroORM;
  /** DELIVERY_RETENTION; less than two days counts as two days. */
  retentionMs: number;
  log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Hears after each run what had to stay although it is old, by its table, and which endpoints still need it. */
  onKept?: (kept: readonly Kept[]) => void;
  everyMs?: number;
};

/** What had to stay, by its table, as the last run says that could look: in this map the next one finds it. */
type Stayed = Map<string, readonly Kept[]>;

/**
 * Removes what is too old, now and then `everyMs` after each run, until it is disposed. Disposal waits for the step under
 * way.
 */
export function startRetention({ everyMs = 60 * 60 * 1000, ...parts }: RetentionParts): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;
  const warned = new Set<string>();
  const stayed: Stayed = new Map();

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await runRetention(parts, { warned, stayed, signal });
      await sleep(everyMs, undefined, { signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

/**
 * One run: what is old of the log, at most one day of events and of deliveries, and some rows. A step that fails is logged
 * and tried again by the next run; until then what `stayed` has of its table holds. What is in `warned`, partitions with
 * those that need them, is not warned of again.
 */
export async function runRetention(
  { orm, retentionMs, onKept = () => {}, log }: Omit<RetentionParts, 'everyMs'>,
  {
    warned = new Set<string>(),
    stayed = new Map(),
    signal = new AbortController().signal,
  }: { warned?: Set<string>; stayed?: Stayed; signal?: AbortSignal } = {},
): Promise<void> {
  let now: number | null = null;
  await step('the age of the logs', async () => {
    now = await justifiedTime(orm);
  });
  if (now === null) return;
  const ages = { now, cutoff: now - Math.max(retentionMs, leastRetentionMs) };
  await step('webhook_log', async () => {
    for (let dropped; !signal.aborted && (dropped = await dropOldLog(orm, ages.cutoff)) !== null;) tellDropped(dropped);
  });
  await remove(logPurge(ages.cutoff));
  await step('webhook_log', async () => {
    const kept = await keptOfLog(orm.em.fork(), ages.cutoff);
    tellKept('webhook_log', kept ? [kept] : []);
  });
  await step('webhook_deliveries', async () => report('webhook_deliveries', await dropOldDeliveries(orm, ages.cutoff)));
  await step('webhook_events', async () => report('webhook_events', await dropOldEvents(orm, ages.cutoff)));
  for (const each of purges(ages)) await remove(each);
  onKept([...stayed.values()].flat());

  async function remove(rows: Purge): Promise<void> {
    await step(rows.table, async () => {
      const deleted = await purge(orm, rows, signal);
      if (deleted > 0) log.info({ table: rows.table, rows: deleted }, 'old rows deleted');
    });
  }

  async function step(what: string, work: () => Promise<void>): Promise<void> {
    if (signal.aborted) return;
    try {
      await work();
    } catch (error) {
      log.warn({ what }, `nothing old was removed here: ${partitionProblem(error)}`);
    }
  }

  function report(table: string, done: Dropped | null): void {
    if (done === null) return;
    if (done.dropped) tellDropped(done.dropped);
    tellKept(table, done.kept);
  }

  function tellDropped(partition: string): void {
    log.info({ partition }, 'what is older than DELIVERY_RETENTION was dropped');
  }

  function tellKept(table: string, kept: readonly KeptPartition[]): void {
    for (const { partition, reason, endpoints, isUsual } of kept) {
      const name = [partition, ...endpoints].join(' ');
      const level = isUsual || warned.has(name) ? 'debug' : 'warn';
      log[level]({ partition, endpoints }, `kept beyond DELIVERY_RETENTION: ${reason}`);
      if (!isUsual) warned.add(name);
    }
    stayed.set(
      table,
      kept.filter(({ isUsual }) => !isUsual).map(({ endpoints }) => ({ table, endpoints })),
    );
  }
}

/**
 * The time from which ages are counted, in Unix ms: the database's clock, but not later than the newest row, so that a
 * clock that is far ahead does not make rows old. Null while both logs are empty.
 */
async function justifiedTime(orm: MikroORM): Promise<number | null> {
  const newest = (table: string) => `(select created_at from ${table} order by id desc limit 1)`;
  const [row] = await orm.em.fork().execute<[{ clock: number; newest: number | null }]>(
    `select extract(epoch from clock_timestamp())::float8 * 1000 as clock,
            extract(epoch from greatest(${newest('webhook_events')}, ${newest('webhook_deliveries')}))::float8 * 1000
              as newest`,
  );
  return row.newest === null ? null : Math.floor(Math.min(row.clock, row.newest));
}
