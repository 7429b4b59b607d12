// Keeps a partition ready for each day of the event log and the delivery log, a week ahead.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from 'pino';
import { firstIdOf } from '../model/uuid.ts';
import {
  advisoryLock,
  dayMs,
  lockTimeoutMs,
  type PartitionedTable,
  partitionedTables,
  partitionName,
  partitionsOf,
  reasonOf,
  sqlStateOf,
} from './day-partitions.ts';

export type PartitionsMade = {
  created: string[];
  /** Partitions that could not be made now, with the reason; their rows go to the default partition. */
  failed: { partition: string; reason: string }[];
};

/**
 * Makes the missing partitions of today (UTC) and the next `daysAhead` days. Each is a transaction of its own under an
 * advisory lock, so that instances may do it at the same time. Writers are not held up: a table is made aside and then
 * attached, which locks neither its parent's writers nor, for longer than a look, the default partition.
 * A day of which the default partition already holds rows stays there: moving them would hide them from readers.
 */
export async function ensurePartitions(
  orm: MikroORM,
  now: Date,
  { daysAhead = 7 }: { daysAhead?: number } = {},
): Promise<PartitionsMade> {
  const made: PartitionsMade = { created: [], failed: [] };
  const today = Math.floor(now.getTime() / dayMs) * dayMs;
  for (const table of partitionedTables) {
    const existing = await partitionsOf(orm.em.fork(), table);
    for (let day = today; day <= today + daysAhead * dayMs; day += dayMs) {
      const partition = partitionName(table, day);
      if (existing.has(partition)) continue;
      try {
        const created = await orm.em.fork().transactional((em) => createPartition(em, table, day));
        if (created) made.created.push(partition);
      } catch (error) {
        made.failed.push({ partition, reason: reasonFor(error) });
        // What stood in the way of this one stands in the way of the next, and each try waits.
        if (!holdsRows(error)) break;
      }
    }
  }
  return made;
}

/** Makes the partitions now, and then again every `everyMs` until it is disposed of. Logs what it cannot make. */
export async function startPartitions({
  orm,
  log,
  everyMs = 60 * 60 * 1000,
}: {
  orm: MikroORM;
  log: Pick<Logger, 'info' | 'warn'>;
  everyMs?: number;
}): Promise<AsyncDisposable> {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const warned = new Set<string>();

  async function run(): Promise<void> {
    try {
      const { created, failed } = await ensurePartitions(orm, new Date());
      if (created.length > 0) log.info({ partitions: created }, 'partitions made');
      for (const { partition, reason } of failed) {
        if (!warned.has(partition)) log.warn({ partition }, `the partition could not be made: ${reason}`);
        warned.add(partition);
      }
    } catch (error) {
      log.warn(`no partitions were made: ${reasonOf(error)}; tried again later`);
    }
    if (!stopped) {
      timer = setTimeout(() => {
        running = run();
      }, everyMs);
    }
  }

  let running = run();
  await running;
  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** False when another instance made it in the meantime. */
async function createPartition(em: EntityManager, table: PartitionedTable, day: number): Promise<boolean> {
  const partition = partitionName(table, day);
  await em.execute(
    `select pg_advisory_xact_lock(${advisoryLock}), set_config('lock_timeout', '${lockTimeoutMs}ms', true)`,
  );
  if ((await partitionsOf(em, table)).has(partition)) return false;
  // The parent's identity numbers the rows of all partitions; from Postgres 17 on an attached table must have none.
  await em.execute(`create table ${partition} (like ${table} including all excluding identity)`);
  if (table === 'webhook_events') {
    // Per partition, as the parent could have it only together with the id: a position given twice fails loudly.
    await em.execute(`create unique index ${partition}_position_once on ${partition} (position)`);
  }
  await em.execute(
    `alter table ${table} attach partition ${partition} for values from ('${firstIdOf(day)}') to ('${firstIdOf(day + dayMs)}')`,
  );
  return true;
}

function reasonFor(error: unknown): string {
  return holdsRows(error) ? 'the default partition already holds rows of that day, and keeps them' : reasonOf(error);
}

/** 23514, check violation: a row of the default partition belongs into the new one. */
function holdsRows(error: unknown): boolean {
  return sqlStateOf(error) === '23514';
}
