// Finds the rows of a span of time in the tables that have a partition a day.

import { idBeyond, lowestIdSince } from '../../model/uuid.ts';

/**
 * What must hold of a row so that its `createdAt` is in [since, until): the time itself, which decides, and a range
 * of ids around it, with which Postgres leaves out the other days' partitions.
 */
export function createdBetween(since: Date | null | undefined, until: Date | null | undefined): object[] {
  const conditions: object[] = [];
  if (since) conditions.push({ createdAt: { $gte: since }, id: { $gte: lowestIdSince(since) } });
  if (until) conditions.push({ createdAt: { $lt: until }, id: { $lt: idBeyond(until) } });
  return conditions;
}
