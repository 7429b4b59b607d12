// Conditions for rows of a time span, in tables with a partition a day.

import { idBeyond, lowestIdSince } from '../../model/uuid.ts';

/**
 * Conditions for a `createdAt` in [since, until): the time itself, which decides, and a range of ids around it, by which
 * Postgres skips the other days' partitions.
 */
export function createdBetween(since: Date | null | undefined, until: Date | null | undefined): object[] {
  const conditions: object[] = [];
  if (since) conditions.push({ createdAt: { $gte: since }, id: { $gte: lowestIdSince(since) } });
  if (until) conditions.push({ createdAt: { $lt: until }, id: { $lt: idBeyond(until) } });
  return conditions;
}
