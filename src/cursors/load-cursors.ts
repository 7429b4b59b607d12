// Loads cursors, and the rows above them, for actors that start or have lost a turn, or whose stored state was changed.
//
// An actor has no turn out while it is loaded. So the load is also where its owner carries out orders.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { CursorQuestion } from './cursor-loader.ts';
import {
  type CursorState,
  type LineRow,
  type StoredCursor,
  countedUpTo,
  cursorStateOf,
} from '../dispatch/cursor-state.ts';
import { countNear } from './count-backlog.ts';
import { carryOutOrders } from './carry-out-orders.ts';
import { isOfEvent, isOfLine, pastGapSql } from './predicates.ts';

/** The rest of the wait that a row `d` stores, by the database's clock, and never more than was stored. */
export const waitLeft = `greatest(0, least(d.wait_ms, d.wait_ms -
  extract(epoch from clock_timestamp() - d.recorded_at) * 1000))::float8 as "waitMs"`;

/**
 * The cursors of those endpoints that have one and whose lease `owner` holds, for a log that ends at `head`. Who loads a
 * cursor owns it from then on, and is the only one who writes it.
 */
export async function loadCursors(
  orm: MikroORM,
  owner: string,
  questions: readonly CursorQuestion[],
  head: number,
): Promise<Map<string, CursorState>> {
  const asked = JSON.stringify(
    questions.map(({ endpoint, lease: { index, epoch }, number }) => {
      return { id: endpoint.id, lease: index, epoch, number };
    }),
  );
  const byId = new Map(questions.map(({ endpoint }) => [endpoint.id, endpoint]));
  // The cursors stay locked: one that is written between the two reads would not match the rows above it.
  const { cursors, lines } = await orm.em.fork().transactional(async (em) => {
    const own = await takeCursors(em, owner, asked);
    await carryOutOrders(em, new Map(own.map((id) => [id, byId.get(id)!])));
    return await readStored(em, own);
  });
  const uncounted = cursors.map((cursor) => {
    const endpoint = byId.get(cursor.endpointId)!;
    return { endpoint, after: countedUpTo(cursor, endpoint.events) };
  });
  // An endpoint that is far behind is counted later: the others do not wait for that.
  const counts = await countNear(orm, uncounted, head);
  return new Map(
    cursors.map((cursor, index) => {
      const { endpointId } = cursor;
      const { events } = byId.get(endpointId)!;
      return [endpointId, cursorStateOf(cursor, lines.get(endpointId) ?? [], events, counts[index]!, head)];
    }),
  );
}

/**
 * Locks the cursors of which this load is the newest of their owner, in the order of their ids. After a wait for a lock only the
 * cursor is read anew, and not the lease: a later owner's epoch in it says that the lease is lost.
 */
async function takeCursors(em: EntityManager, owner: string, asked: string): Promise<string[]> {
  const taken = await em.execute<{ id: string }[]>(
    `with locked as materialized (
       select c.endpoint_id, l.owner, l.epoch, a.number
         from json_to_recordset(?::json) as a (id text, lease smallint, epoch bigint, number bigint)
         join webhook_leases l on l.lease = a.lease and l.epoch = a.epoch and l.owner = ?
         join webhook_cursors c on c.endpoint_id = a.id
        where c.position is not null and coalesce(c.owner_epoch, 0) <= l.epoch
          and (c.owner is distinct from l.owner or c.owner_epoch is distinct from l.epoch or c.load < a.number)
        order by c.endpoint_id for update of c
     )
     update webhook_cursors c set owner = locked.owner, owner_epoch = locked.epoch, load = locked.number
       from locked where c.endpoint_id = locked.endpoint_id
     returning c.endpoint_id as id`,
    [asked, owner],
  );
  return taken.map(({ id }) => id);
}

async function readStored(em: EntityManager, endpointIds: readonly string[]) {
  const ids = JSON.stringify(endpointIds);
  const isAsked = 'c.endpoint_id in (select json_array_elements_text(?::json))';
  const cursors = await em.execute<StoredCursor[]>(
    `select c.endpoint_id as "endpointId", c.generation::float8 as generation, c.resumes,
            c.pause_reason as "pauseReason", ${pastGapSql('c.position')}::float8 as position,
            c.previous::float8 as previous, ${pastGapSql('c.examined')}::float8 as examined, c.filter, c.backlog,
            c.failing, c.failing_changes as "failingChanges",
            case when c.failing_since is not null
                 then greatest(0, extract(epoch from clock_timestamp() - c.failing_since) * 1000) end::float8 as "failedMs",
            exists (select 1 from webhook_replays s where s.endpoint_id = c.endpoint_id) as "hasReplays"
       from webhook_cursors c where ${isAsked}`,
    [ids],
  );
  // A row may belong to an event that the database has lost, and another event may have its position by now.
  const lines = groupByEndpoint(
    await em.execute<LineRow[]>(
      `select d.endpoint_id as "endpointId", d.position::float8 as position, d.event_type as type, d.status,
              d.attempt_count as attempts, d.resumes, ${waitLeft}
         from webhook_cursors c
         join webhook_deliveries d
           on ${isOfLine} and d.position > c.position
         join webhook_log e on ${isOfEvent}
        where ${isAsked} order by d.id`,
      [ids],
    ),
  );
  return { cursors, lines };
}

function groupByEndpoint<Row extends { endpointId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ endpointId }) => endpointId);
}
