// Reads where endpoints stand, as a start and the loss of a turn need it: their cursors, and what came after them.

import { type EntityManager, IsolationLevel, type MikroORM } from '@mikro-orm/postgresql';
import type { PauseReason } from '../model/webhook-cursor.ts';
import { countMatches, exactTo } from './backlog.ts';
import { compilePatterns, filterText } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Place } from './place.ts';

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
  sideWaits: boolean;
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

/** What is left of the wait stored in a row `d`, by the database's clock, and never more than was stored. */
export const waitLeft = `greatest(0, least(d.wait_ms, d.wait_ms -
  extract(epoch from clock_timestamp() - d.recorded_at) * 1000))::float8 as "waitMs"`;

/** The places of those of `endpoints` that have one, as of a log that ends at `head`. */
export async function loadPlaces(
  orm: MikroORM,
  endpoints: readonly Endpoint[],
  head: number,
): Promise<Map<string, Place>> {
  const ids = JSON.stringify(endpoints.map(({ id }) => id));
  // One snapshot: a cursor that is written between the reads would not belong to the rows above it.
  const { cursors, lines } = await orm.em
    .fork()
    .transactional((em) => readStored(em, ids), { isolationLevel: IsolationLevel.REPEATABLE_READ });
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
        sideWaits: cursor.sideWaits,
        backlog: Math.max(0, stored + counts[index]!.count - counted),
        backlogIsFloor: counts[index]!.isFloor || stored >= exactTo,
        lastError: cursor.lastError,
      };
      return [cursor.endpointId, place];
    }),
  );
}

async function readStored(em: EntityManager, ids: string) {
  const cursors = await em.execute<Cursor[]>(
    `select endpoint_id as "endpointId", generation::float8 as generation, resumes, pause_reason as "pauseReason",
            position::float8 as position, previous::float8 as previous, examined::float8 as examined, filter,
            backlog, last_error as "lastError",
            exists (select 1 from webhook_side_items s where s.endpoint_id = c.endpoint_id) as "sideWaits"
       from webhook_cursors c
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
  return { cursors, lines };
}

/** The newest failed attempt of what is not settled, as far as it counts: a resume starts the count anew. */
function retryOf(line: readonly LineRow[], settled: ReadonlySet<number>, resumes: number): Place['retry'] {
  const last = line.findLast((row) => row.resumes === resumes && !settled.has(row.position));
  return last ? { position: last.position, attempts: last.attempts, waitMs: last.waitMs } : null;
}

function groupByEndpoint<Row extends { endpointId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ endpointId }) => endpointId);
}
