// Reads where endpoints stand, as a start and the loss of a turn need it: their cursors, and what came after them.

import { type EntityManager, IsolationLevel, type MikroORM } from '@mikro-orm/postgresql';
import type { PauseReason } from '../model/webhook-cursor.ts';
import type { DeliveryOrigin } from '../model/webhook-delivery.ts';
import { countMatches, exactTo } from './backlog.ts';
import { compilePatterns, filterText } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Place } from './actor.ts';

type Cursor = {
  endpointId: string;
  generation: number;
  resumes: number;
  pauseReason: PauseReason | null;
  position: number;
  previous: number;
  examined: number;
  filter: string;
  backlog: number;
  lastError: string | null;
};

type LineRow = {
  endpointId: string;
  position: number;
  type: string;
  status: 'delivered' | 'retrying' | 'failed';
  attempts: number;
  resumes: number;
  waitMs: number;
};

type SideRow = {
  endpointId: string;
  origin: DeliveryOrigin;
  position: number;
  id: string;
  type: string;
  payload: string;
  attempts: number;
  waitMs: number;
};

/** What is left of a stored wait, by the database's clock, and never more than was stored. */
const waitLeft = `greatest(0, least(d.wait_ms, d.wait_ms -
  extract(epoch from clock_timestamp() - d.recorded_at) * 1000))::float8 as "waitMs"`;

/** The places of those of `endpoints` that have one, as of a log that ends at `head`. */
export async function loadPlaces(
  orm: MikroORM,
  endpoints: readonly Endpoint[],
  head: number,
): Promise<Map<string, Place>> {
  const ids = JSON.stringify(endpoints.map(({ id }) => id));
  // One snapshot: a cursor that is written between the reads would not belong to the rows above it.
  const { cursors, lines, sides } = await orm.em
    .fork()
    .transactional((em) => readStored(em, ids, head), { isolationLevel: IsolationLevel.REPEATABLE_READ });
  const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  const unseen = cursors.map((cursor) => {
    const sameFilter = cursor.filter === filterText(byId.get(cursor.endpointId)!.events);
    return { endpoint: byId.get(cursor.endpointId)!, after: sameFilter ? cursor.examined : cursor.position };
  });
  const counts = await countMatches(orm, unseen, head);
  return new Map(
    cursors.map((cursor, index) => {
      const line = lines.get(cursor.endpointId) ?? [];
      const final = line.filter(({ status }) => status !== 'retrying');
      const settled = new Set(final.map(({ position }) => position));
      // An event of another filter was counted by none of the numbers here.
      const matches = compilePatterns(byId.get(cursor.endpointId)!.events);
      const counted = new Set(final.filter(({ type }) => matches(type)).map(({ position }) => position)).size;
      const stored = cursor.filter === filterText(byId.get(cursor.endpointId)!.events) ? cursor.backlog : 0;
      const place: Place = {
        generation: cursor.generation,
        resumes: cursor.resumes,
        pauseReason: cursor.pauseReason,
        cursor: cursor.position,
        previous: cursor.previous,
        settled,
        retry: retryOf(line, settled, cursor.resumes),
        side: (sides.get(cursor.endpointId) ?? []).map(({ origin, attempts, waitMs, ...entry }) => {
          return { origin, attempts, waitMs, entry: { ...entry, addressedTo: cursor.endpointId } };
        }),
        backlog: Math.max(0, stored + counts[index]!.count - counted),
        backlogIsFloor: counts[index]!.isFloor || stored >= exactTo,
        lastError: cursor.lastError,
      };
      return [cursor.endpointId, place];
    }),
  );
}

async function readStored(em: EntityManager, ids: string, head: number) {
  const cursors = await em.execute<Cursor[]>(
    `select endpoint_id as "endpointId", generation::float8 as generation, resumes, pause_reason as "pauseReason",
            position::float8 as position, previous::float8 as previous, examined::float8 as examined, filter,
            backlog, last_error as "lastError"
       from webhook_cursors
      where position is not null and endpoint_id in (select json_array_elements_text(?::json))`,
    [ids],
  );
  const lines = groupByEndpoint(
    await em.execute<LineRow[]>(
      `select d.endpoint_id as "endpointId", d.position::float8 as position, d.event_type as type, d.status, d.attempt_count as attempts,
              d.resumes, ${waitLeft}
         from webhook_cursors c join webhook_deliveries d
           on d.endpoint_id = c.endpoint_id and d.position > c.position and d.generation = c.generation
        where d.origin = 'line' and c.endpoint_id in (select json_array_elements_text(?::json))
        order by d.id`,
      [ids],
    ),
  );
  const sides = groupByEndpoint(
    await em.execute<SideRow[]>(
      `select s.endpoint_id as "endpointId", s.origin, e.position::float8 as position, e.id, e.type, e.payload,
              coalesce(d.attempt_count, 0) as attempts, coalesce(d."waitMs", 0) as "waitMs"
         from webhook_side_items s
         join webhook_events e on e.id = s.event_id and e.position <= ?
         join webhook_cursors c on c.endpoint_id = s.endpoint_id
         left join lateral (select d.attempt_count, ${waitLeft} from webhook_deliveries d
                             where d.event_id = s.event_id and d.endpoint_id = s.endpoint_id and d.origin = s.origin
                               and d.resumes = c.resumes
                             order by d.id desc limit 1) d on true
        where s.endpoint_id in (select json_array_elements_text(?::json)) order by e.position`,
      [head, ids],
    ),
  );
  return { cursors, lines, sides };
}

/** The newest failed attempt of what is not settled, as far as it counts: a resume starts the count anew. */
function retryOf(line: readonly LineRow[], settled: ReadonlySet<number>, resumes: number): Place['retry'] {
  const last = line.findLast((row) => row.resumes === resumes && !settled.has(row.position));
  return last ? { position: last.position, attempts: last.attempts, waitMs: last.waitMs } : null;
}

function groupByEndpoint<Row extends { endpointId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ endpointId }) => endpointId);
}
