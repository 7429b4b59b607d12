// Partitions by day: which tables have them, their names, and the days they hold.

import type { EntityManager } from '@mikro-orm/postgresql';
import { lockNotAvailable } from '../model/short-waits.ts';
import { reasonOf } from '../telemetry/reason.ts';

export const partitionedTables = ['webhook_events', 'webhook_deliveries'] as const;
export type PartitionedTable = (typeof partitionedTables)[number];

export const dayMs = 24 * 60 * 60 * 1000;

/** The lock for adding or dropping a partition of this schema: "tidp" in ASCII, a number that nothing else locks. */
export const advisoryLock = '1953064048, hashtext(current_schema)';

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

/** Why a partition could not be changed, for the log. */
export function partitionProblem(error: unknown): string {
  const reason = reasonOf(error);
  if (reason === lockNotAvailable) return 'long transactions were in the way; tried again later';
  if (reason === checkViolation) return 'the default partition already holds rows of that day, and keeps them';
  return `the database refused it (${reason})`;
}

/** SQLSTATE (PostgreSQL, appendix A) check_violation: a row of the default partition belongs into a new one. */
export const checkViolation = '23514';
