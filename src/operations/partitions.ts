// Keeps a partition ready for each day of the event log and the delivery log, a week ahead.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from 'pino';
import { shortWaits } from '../model/short-waits.ts';
import { firstIdOf } from '../model/uuid.ts';
import { reasonOf } from '../telemetry/reason.ts';
import {
  advisoryLock,
  checkViolation,
  dayMs,
  type PartitionedTable,
  partitionedTables,
  partitionName,
  partitionProblem,
  partitionsOf,
} from './day-partitions.ts';
import { tryForLocks } from './short-locks.ts';

export type PartitionsMade = {
  created: string[];
  /** Partitions that could not be made now, with the reason; their rows go into the default partition. */
  failed: { partition: string; reason: string }[];
};

/**
 * Makes the missing partitions of today (UTC) and the next `daysAhead` days. Each has its own transaction under an
 * advisory lock, so instances may do it at the same time. Writers do not wait: a table is made first and then attached,
 * which does not lock the parent's writers and locks the default partition only while it is checked for rows.
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
        const created = await tryForLocks(orm, (em) => createPartition(em, table, day));
        if (created) made.created.push(partition);
      } catch (error) {
        made.failed.push({ partition, reason: partitionProblem(error) });
        // Any other problem would stop the next day too, and each try waits.
        if (reasonOf(error) !== checkViolation) break;
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
      log.warn(`no partitions were made: ${partitionProblem(error)}; tried again later`);
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
  await em.execute(`select pg_advisory_xact_lock(${advisoryLock}), ${shortWaits}`);
  if ((await partitionsOf(em, table)).has(partition)) return false;
  await em.execute(`create table ${partition} (like ${table} including all)`);
  await em.execute(
    `alter table ${table} attach partition ${partition} for values from ('${firstIdOf(day)}') to ('${firstIdOf(day + dayMs)}')`,
  );
  return true;
}
