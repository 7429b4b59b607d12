// Counts the events that wait for endpoints, where no running count is to be had.

import type { MikroORM } from '@mikro-orm/postgresql';
import { compilePatterns, likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { type Count, exactTo } from './stored-place.ts';

const countTo = 2 * exactTo;

/**
 * For each endpoint the events after `after` up to `head` that are for it. What lies near the head is read once for all
 * endpoints; what lies further back is counted in Postgres, up to 20,000.
 */
export async function countMatches(
  orm: MikroORM,
  asked: readonly { endpoint: Pick<Endpoint, 'events'>; after: number }[],
  head: number,
): Promise<Count[]> {
  const near = head - countTo;
  const first = Math.max(near, Math.min(head, ...asked.map(({ after }) => after)));
  const recent =
    first < head
      ? await orm.em.fork().execute<{ position: number; type: string }[]>(
          `select position::float8 as position, type from webhook_events
            where position > ? and position <= ? and addressed_to is null`,
          [first, head],
        )
      : [];
  const counts: Count[] = [];
  for (const { endpoint, after } of asked) {
    if (after >= head) {
      counts.push({ count: 0, isFloor: false });
    } else if (after >= near) {
      const matches = compilePatterns(endpoint.events);
      const count = recent.filter(({ position, type }) => position > after && matches(type)).length;
      counts.push({ count, isFloor: false });
    } else {
      counts.push(await countInPostgres(orm, endpoint, after, head));
    }
  }
  return counts;
}

async function countInPostgres(
  orm: MikroORM,
  { events }: Pick<Endpoint, 'events'>,
  after: number,
  head: number,
): Promise<Count> {
  const [row] = await orm.em.fork().execute<[{ count: number }]>(
    `select count(*)::int as count from (
       select 1 from webhook_events
        where position > ? and position <= ? and addressed_to is null
          and type like any (select json_array_elements_text(?::json)) limit ?) counted`,
    [after, head, JSON.stringify(events.map(likePattern)), countTo],
  );
  return { count: row.count, isFloor: row.count === countTo };
}
