// UUIDs as ids of rows: their form, and which of them a span of time can hold.

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id as it is stored, or null for what can be the id of nothing. */
export function asUuid(id: string): string | null {
  const lower = id.toLowerCase();
  return form.test(lower) ? lower : null;
}

/**
 * The lowest UUIDv7 of a millisecond or above: 48 bits of Unix time in ms, then zeros (RFC 9562, section 5.7). A time
 * before 1970 is taken for its beginning, one that 48 bits do not hold for the last.
 */
export function firstIdOf(unixMs: number): string {
  const hex = Math.min(Math.max(unixMs, 0), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** The Unix time in ms at which a UUIDv7 was made. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * How far an id's time may be from its row's `created_at`, in ms: an attempt's id may be made when it ends, which is
 * at most a time-out of 5 minutes later, and clocks are set.
 */
const slackMs = 10 * 60_000;

/** The lowest id that a row created at this time or later can have. */
export function lowestIdSince(time: Date): string {
  return firstIdOf(time.getTime() - slackMs);
}

/** Above every id that a row created before this time can have. */
export function idBeyond(time: Date): string {
  return firstIdOf(time.getTime() + slackMs);
}
