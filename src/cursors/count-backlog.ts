// Counts the events that wait for endpoints, where the actor has no running count.

import type { MikroORM } from '@mikro-orm/postgresql';
import { boundPatterns, isFor } from './predicates.ts';
import { compilePatterns, likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { type Count, exactTo } from '../dispatch/cursor-state.ts';

const countTo = 2 * exactTo;

/** How many events ahead Postgres looks: for an endpoint that matches few, it would read a long log for minutes. */
const lookAhead = 1_000_000;

type Asked = { endpoint: Pick<Endpoint, 'events'>; after: number };

/**
 * For each endpoint, the number of events after `after` and up to `head` that match its filter. Reads the events near the
 * head, once for all endpoints. An endpoint farther back gets 0 as its lower bound.
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
    if (after < near) return { count: 0, isLowerBound: true };
    const matches = compilePatterns(endpoint.events);
    return {
      count: recent.filter(({ position, type }) => position > after && matches(type)).length,
      isLowerBound: false,
    };
  });
}

/** The same for one endpoint, also far from the head. Postgres counts up to 20,000, within the next million events. */
export async function countMatches(orm: MikroORM, asked: Asked, head: number): Promise<Count> {
  const { endpoint, after } = asked;
  const [near] = await countNear(orm, [asked], head);
  return near!.isLowerBound ? await countInPostgres(orm, endpoint, after, head) : near!;
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
    [after, Math.min(head, after + lookAhead), JSON.stringify(events.map(likePattern)), countTo],
  );
  return { count: row.count, isLowerBound: row.count === countTo || after + lookAhead < head };
}
