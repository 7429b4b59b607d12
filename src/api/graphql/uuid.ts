// Reads ids that are UUIDs, and finds the ids that a span of time can hold.

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id as it is stored, or null for what can be the id of nothing. */
export function asUuid(id: string): string | null {
  const lower = id.toLowerCase();
  return uuid.test(lower) ? lower : null;
}

/**
 * How far an id's time may be from its row's `created_at`, in ms: an attempt's id may be made when it ends, which is
 * at most a time-out of 5 minutes later, and clocks are set.
 */
const slackMs = 10 * 60_000;

/**
 * What must hold of a row so that its `createdAt` is in [since, until): the time itself, which decides, and a range
 * of UUIDv7 ids (RFC 9562, section 5.7) around it, with which Postgres leaves out the other days' partitions.
 */
export function createdBetween(since: Date | null | undefined, until: Date | null | undefined): object[] {
  const conditions: object[] = [];
  if (since) conditions.push({ createdAt: { $gte: since }, id: { $gte: lowestUuid(since.getTime() - slackMs) } });
  if (until) conditions.push({ createdAt: { $lt: until }, id: { $lt: lowestUuid(until.getTime() + slackMs) } });
  return conditions;
}

/** The lowest UUIDv7 of that millisecond; its time has 48 bits and begins in 1970. */
function lowestUuid(ms: number): string {
  const hex = Math.min(Math.max(ms, 0), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
