// Reads where endpoints stand, as a start and the loss of a turn need it: their cursors, and what came after them.

import { type EntityManager, IsolationLevel, type MikroORM } from '@mikro-orm/postgresql';
import { isOfEvent, isOfLine, pastGapSql } from '../cursors/predicates.ts';
import { countNear } from './backlog.ts';
import type { PlaceQuestion } from './loads.ts';
import type { Place } from './place.ts';
import { type LineRow, type StoredCursor, countedUpTo, placeOf } from './stored-place.ts';

/** What is left of the wait stored in a row `d`, by the database's clock, and never more than was stored. */
export const waitLeft = `greatest(0, least(d.wait_ms, d.wait_ms -
  extract(epoch from clock_timestamp() - d.recorded_at) * 1000))::float8 as "waitMs"`;

/**
 * The places of those endpoints that have one and whose lease `owner` holds, as of a log that ends at `head`. Whoever
 * reads a place is its owner from then on, and the only one who writes it.
 */
export async function loadPlaces(
  orm: MikroORM,
  owner: string,
  questions: readonly PlaceQuestion[],
  head: number,
): Promise<Map<string, Place>> {
  const asked = JSON.stringify(
    questions.map(({ endpoint, lease: { index, epoch } }) => ({ id: endpoint.id, lease: index, epoch })),
  );
  // One snapshot: a cursor that is written between the reads would not belong to the rows above it.
  const { cursors, lines } = await orm.em.fork().transactional(
    async (em) => {
      await own(em, owner, asked);
      return await readStored(em, owner, asked);
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
  const byId = new Map(questions.map(({ endpoint }) => [endpoint.id, endpoint]));
  const unseen = cursors.map((cursor) => {
    const endpoint = byId.get(cursor.endpointId)!;
    return { endpoint, after: countedUpTo(cursor, endpoint.events) };
  });
  // Of one that is far behind it is counted later: none of the others waits for that.
  const counts = await countNear(orm, unseen, head);
  return new Map(
    cursors.map((cursor, index) => {
      const { endpointId } = cursor;
      const { events } = byId.get(endpointId)!;
      return [endpointId, placeOf(cursor, lines.get(endpointId) ?? [], events, counts[index]!, head)];
    }),
  );
}

const askedEndpoints = 'json_to_recordset(?::json) as a (id text, lease smallint, epoch bigint)';

async function own(em: EntityManager, owner: string, asked: string): Promise<void> {
  await em.execute(
    `update webhook_cursors c set owner = l.owner, owner_epoch = l.epoch
       from ${askedEndpoints} join webhook_leases l on l.lease = a.lease and l.epoch = a.epoch
      where c.endpoint_id = a.id and l.owner = ?
        and (c.owner is distinct from l.owner or c.owner_epoch is distinct from l.epoch)`,
    [asked, owner],
  );
}

async function readStored(em: EntityManager, owner: string, asked: string) {
  const cursors = await em.execute<StoredCursor[]>(
    `select c.endpoint_id as "endpointId", c.generation::float8 as generation, c.resumes,
            c.pause_reason as "pauseReason", ${pastGapSql('c.position')}::float8 as position,
            c.previous::float8 as previous, ${pastGapSql('c.examined')}::float8 as examined, c.filter, c.backlog, c.last_error as "lastError",
            exists (select 1 from webhook_side_items s where s.endpoint_id = c.endpoint_id) as "sideWaits"
       from ${askedEndpoints} join webhook_cursors c on c.endpoint_id = a.id
      where c.position is not null and c.owner = ? and c.owner_epoch = a.epoch`,
    [asked, owner],
  );
  // A row may tell of an event that the database has lost, and its position may be another event's by now.
  const lines = groupByEndpoint(
    await em.execute<LineRow[]>(
      `select d.endpoint_id as "endpointId", d.position::float8 as position, d.event_type as type, d.status,
              d.attempt_count as attempts, d.resumes, ${waitLeft}
         from ${askedEndpoints} join webhook_cursors c on c.endpoint_id = a.id
         join webhook_deliveries d
           on ${isOfLine} and d.position > c.position
         join webhook_events e on ${isOfEvent} order by d.id`,
      [asked],
    ),
  );
  return { cursors, lines };
}

function groupByEndpoint<Row extends { endpointId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ endpointId }) => endpointId);
}
