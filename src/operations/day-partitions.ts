// The days of the two logs: which tables have a partition a day, how it is called, and which ids it holds.

import type { EntityManager } from '@mikro-orm/postgresql';

export const partitionedTables = ['webhook_events', 'webhook_deliveries'] as const;
export type PartitionedTable = (typeof partitionedTables)[number];

export const dayMs = 24 * 60 * 60 * 1000;

/** Held by whoever adds or drops a partition; any number that nobody else locks: "tidp" in ASCII. */
export const advisoryLock = 0x74696470;

/** While a change of a table waits for a long query to end, queries that come later wait behind it: not for long. */
export const lockTimeoutMs = 1_000;

/** The names of a table's partitions, the default one among them. */
export async function partitionsOf(em: EntityManager, table: PartitionedTable): Promise<Set<string>> {
  const rows = await em.execute<{ name: string }[]>(
    `select child.relname as name from pg_inherits
     join pg_class child on child.oid = inhrelid
     where inhparent = ?::regclass`,
    [table],
  );
  return new Set(rows.map(({ name }) => name));
}

/** `webhook_events_20261128` for the day (UTC) that begins at that time in Unix ms. */
export function partitionName(table: PartitionedTable, day: number): string {
  return `${table}_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** The beginning in Unix ms of the day whose partition has this name; null for the default one and for others' tables. */
export function dayOfPartition(table: PartitionedTable, name: string): number | null {
  const date = /^_(\d{4})(\d{2})(\d{2})$/.exec(name.slice(table.length));
  if (!date || !name.startsWith(table)) return null;
  const day = Date.parse(`${date[1]}-${date[2]}-${date[3]}`);
  return Number.isNaN(day) ? null : day;
}

/** Why the database refused a change of a table, for the log. */
export function reasonOf(error: unknown): string {
  if (sqlStateOf(error) === '55P03') return 'long queries were in the way; tried again later';
  return `the database refused it (${sqlStateOf(error) ?? 'no connection'})`;
}

export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
