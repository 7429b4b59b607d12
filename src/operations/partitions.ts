// Keeps a partition ready for each day of the event log and the delivery log, a week ahead.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from 'pino';

const partitionedTables = ['webhook_events', 'webhook_deliveries'] as const;
type PartitionedTable = (typeof partitionedTables)[number];

/** Any number that nobody else locks: "tidp" in ASCII. */
const advisoryLock = 0x74696470;

/** While an attached partition waits for a long query to end, queries that come later wait behind it: not for long. */
const lockTimeoutMs = 1_000;

const dayMs = 24 * 60 * 60 * 1000;

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
        made.failed.push({ partition, reason: reasonOf(error) });
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

async function partitionsOf(em: EntityManager, table: PartitionedTable): Promise<Set<string>> {
  const rows = await em.execute<{ name: string }[]>(
    `select child.relname as name from pg_inherits
     join pg_class child on child.oid = inhrelid
     where inhparent = ?::regclass`,
    [table],
  );
  return new Set(rows.map(({ name }) => name));
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

function partitionName(table: PartitionedTable, day: number): string {
  return `${table}_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** The lowest UUIDv7 of a millisecond or above: 48 bits of Unix time in ms, then zeros (RFC 9562, section 5.7). */
export function firstIdOf(unixMs: number): string {
  const hex = unixMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

function reasonOf(error: unknown): string {
  if (holdsRows(error)) return 'the default partition already holds rows of that day, and keeps them';
  if (sqlStateOf(error) === '55P03') return 'long queries were in the way; tried again later';
  return `the database refused it (${sqlStateOf(error) ?? 'no connection'})`;
}

/** 23514, check violation: a row of the default partition belongs into the new one. */
function holdsRows(error: unknown): boolean {
  return sqlStateOf(error) === '23514';
}

function sqlStateOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
