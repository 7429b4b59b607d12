// Says which positions of the log nobody needs any more: those up to the kept place.

import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * The places that endpoints keep, as `kept` with `endpoint_id` and `place`: the endpoint needs the log above it. A disabled
 * endpoint has no position, a removed one no row, and neither has replays.
 */
const keptPlaces = `(
  select endpoint_id, position as place from webhook_cursors where position is not null
  union all
  select s.endpoint_id, coalesce(s.position, (select l.position from webhook_log l
           where l.addressed_to = s.endpoint_id and l.event_id = s.event_id)) - 1
    from webhook_replays s) kept`;

/** The least of them, or the log's head. */
export const keptPlace = `(select least(position, (select min(place) from ${keptPlaces})) from webhook_log_head)`;

/** Ids of endpoints whose place is before a position: at most ten, in order. */
export const endpointsBefore = (position: string) =>
  `array(select distinct endpoint_id from ${keptPlaces} where place < ${position} order by 1 limit 10)`;

/** "tidk" in ASCII. Who moves a place back shares it; who removes the log up to the kept place has it alone. */
const lock = '1953064043, hashtext(current_schema)';

/** From here to the transaction's end, nothing of the log is removed. Waits for a removal under way. */
export async function keepLog(em: EntityManager): Promise<void> {
  await em.execute(`select pg_advisory_xact_lock_shared(${lock})`);
}

/** From here to the transaction's end, no place moves back. */
export async function holdPlaces(em: EntityManager): Promise<void> {
  await em.execute(`select pg_advisory_xact_lock(${lock})`);
}
