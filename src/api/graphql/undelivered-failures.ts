// Finds the events that failed at an endpoint and were not delivered since, some of its rows at a time.
//
// What failed is found by indexes that hold little else. An event failed as often as it was replayed or came again after a
// rewind. A replay that delivered it is in the same indexes; a line that did is found by its generation and position.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { Bounds } from './connection.ts';

/** SQL of what is asked for, whose values are named: endpointId, generations, types. */
export type FailuresWanted = {
  /** What can be told by a row alone, `d`, with a beginning and an end; its type is told by the column of this name. */
  isWithin(bounds: Bounds, type: string | null): string;
  /** Whether the event of this id is wanted. */
  isKept(id: string): string;
  /** Whether types are given: each is looked for by itself. */
  isOfTypes: boolean;
};

/** Most of the rows looked at are of another event each, and most events are undelivered. */
const firstMore = 10;
const growth = 4;
const mostRows = 10_000;

/** All of them, as `id`. */
export function allFailures(wanted: FailuresWanted, bounds: Bounds): string {
  return undelivered(wanted, `select d.* from ${rowsOf} and ${wanted.isWithin(bounds, 'd.event_type')}`);
}

/** The ids of the first ones. Reads rows until it has them, so that a page does not cost what all of them would. */
export async function findFailures(
  em: EntityManager,
  wanted: FailuresWanted,
  { values, bounds, order, limit }: { values: object; bounds: Bounds; order: 'asc' | 'desc'; limit: number },
): Promise<string[]> {
  const found: string[] = [];
  let within = bounds;
  let batch = limit + firstMore;
  while (found.length < limit) {
    const [{ ids, rows, first, last }] = await em.transactional(async (inner) => {
      // Postgres cannot know that of an endpoint's few rows most failed. It would read all of them, to sort them.
      await inner.execute('set local enable_sort = off');
      return await inner.execute<[Batch]>(batchOf(wanted, within, order, batch), { ...values, ...within });
    });
    const isLast = rows < batch;
    // Of the last event some rows can be in the next batch.
    found.push(...ids.filter((id) => isLast || id !== last));
    if (isLast) break;
    within = { ...within, [order === 'desc' ? '$lte' : '$gte']: last };
    batch = first === last ? batch * growth : Math.min(batch * growth, mostRows);
  }
  return found.slice(0, limit);
}

type Batch = { ids: string[]; rows: number; first: string | null; last: string | null };

const isFailure = `d.endpoint_id = :endpointId and (d.status = 'failed' or d.origin = 'replay')`;
const rowsOf = `webhook_deliveries d where ${isFailure}`;

function batchOf(wanted: FailuresWanted, bounds: Bounds, order: 'asc' | 'desc', batch: number): string {
  const rows = (isOfType: string) => `
    select d.event_id, d.position, d.id, d.status from ${rowsOf} ${isOfType} and ${wanted.isWithin(bounds, null)}
     order by d.event_id ${order} limit ${batch}`;
  const ofTypes = `
    select of_type.* from (select distinct type from json_array_elements_text(:types::json) type) asked
     cross join lateral (${rows('and d.event_type = asked.type')}) of_type
     order by of_type.event_id ${order} limit ${batch}`;
  const end = (which: 'asc' | 'desc') => `(select event_id from looked order by event_id ${which} limit 1)`;
  return `with looked as materialized (${wanted.isOfTypes ? ofTypes : rows('')})
    select array(select id::text from (${undelivered(wanted, 'select * from looked')}) undelivered
                  order by undelivered.id ${order}) as ids,
           (select count(*)::int from looked) as rows,
           ${end(order)} as first, ${end(order === 'desc' ? 'asc' : 'desc')} as last`;
}

const undelivered = ({ isKept }: FailuresWanted, rows: string) => `
  select f.id from (
    select d.event_id as id, max(d.position) as position,
           max(d.id::text collate "C") filter (where d.status = 'failed') as failed,
           max(d.id::text collate "C") filter (where d.status = 'delivered') as delivered
      from (${rows}) d group by d.event_id
  ) f
  where f.failed > coalesce(f.delivered, '') and ${isKept('f.id')}
    and not exists (
      select 1 from webhook_deliveries l
       where l.endpoint_id = :endpointId and l.generation = any (array(select json_array_elements_text(:generations::json)::bigint))
         and l.position = f.position and l.event_id = f.id and l.status = 'delivered' and l.id > f.failed::uuid
      offset 0)`;
