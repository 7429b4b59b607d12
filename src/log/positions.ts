// Finds the positions of events.
//
// The index by event id says only which pages may hold an id, and is asked in each partition. So the ids of a page of events,
// which were made one soon after the other, are looked up as one range, and not one by one.

import type { EntityManager } from '@mikro-orm/postgresql';

/** Of a range with more events than this, only a part is read; then it is cut in two. */
const mostOfRange = 5_000;

/** By id; an event without a position is left out. */
export async function positionsOf(em: EntityManager, eventIds: readonly string[]): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const ranges = [[...new Set(eventIds)].toSorted()];
  for (let ids = ranges.pop(); ids !== undefined; ids = ranges.pop()) {
    if (ids.length === 0) continue;
    const { rows, isWhole } = await inRange(em, ids);
    for (const { id, position } of rows) found.set(id, position);
    if (isWhole || ids.length === 1) continue;
    const left = ids.filter((id) => !found.has(id));
    const cut = widestGap(left);
    ranges.push(left.slice(0, cut), left.slice(cut));
  }
  return found;
}

/** Of these ids, in order. `isWhole`: what is not among the rows has no position. */
async function inRange(em: EntityManager, ids: readonly string[]) {
  type Found = { rows: { id: string; position: number }[]; events: number };
  const [{ rows, events }] = await em.execute<[Found]>(
    `with range as materialized (
       select event_id, position from webhook_log where event_id >= ?::uuid and event_id <= ?::uuid limit ${mostOfRange}
     )
     select (select count(*)::int from range) as events,
            coalesce((select json_agg(json_build_object('id', event_id, 'position', position)) from range
                       where event_id in (select json_array_elements_text(?::json)::uuid)), '[]') as rows`,
    [ids[0], ids.at(-1), JSON.stringify(ids)],
  );
  return { rows, isWhole: events < mostOfRange };
}

/** The index of the id that follows the longest time without one. */
function widestGap(ids: readonly string[]): number {
  const times = ids.map((id) => parseInt(id.replace('-', '').slice(0, 12), 16));
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  return gaps.indexOf(Math.max(...gaps)) + 1;
}
