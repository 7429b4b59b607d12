// Counts the events that wait for endpoints, where no running count is to be had.

import type { MikroORM } from '@mikro-orm/postgresql';
import { boundPatterns, isFor } from '../cursors/predicates.ts';
import { compilePatterns, likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { type Count, exactTo } from './stored-place.ts';

const countTo = 2 * exactTo;

/** How far ahead Postgres looks: an endpoint that wants little of a long log would have it read for minutes. */
const lookedAt = 1_000_000;

type Asked = { endpoint: Pick<Endpoint, 'events'>; after: number };

/**
 * For each endpoint the events after `after` up to `head` that are for it. Reads what lies near the head, once for all
 * endpoints; of one that stands further back nothing is known.
 */
export async function countNear(orm: MikroORM, asked: readonly Asked[], head: number): Promise<Count[]> {
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
  return asked.map(({ endpoint, after }) => {
    if (after < near) return { count: 0, isFloor: true };
    const matches = compilePatterns(endpoint.events);
    return { count: recent.filter(({ position, type }) => position > after && matches(type)).length, isFloor: false };
  });
}

/** The same of one endpoint, wherever it stands: counted in Postgres, up to 20,000 and a million events ahead. */
export async function countMatches(orm: MikroORM, asked: Asked, head: number): Promise<Count> {
  const { endpoint, after } = asked;
  const [near] = await countNear(orm, [asked], head);
  return near!.isFloor ? await countInPostgres(orm, endpoint, after, head) : near!;
}

async function countInPostgres(
  orm: MikroORM,
  { events }: Pick<Endpoint, 'events'>,
  after: number,
  head: number,
): Promise<Count> {
  const [row] = await orm.em.fork().execute<[{ count: number }]>(
    `select count(*)::int as count from (
       select 1 from webhook_events e
        where e.position > ? and e.position <= ? and ${isFor(boundPatterns)} limit ?) counted`,
    [after, Math.min(head, after + lookedAt), JSON.stringify(events.map(likePattern)), countTo],
  );
  return { count: row.count, isFloor: row.count === countTo || after + lookedAt < head };
}
