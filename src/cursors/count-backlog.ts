// Counts the events that wait for endpoints: for actors that have no count, and for whoever asks from outside.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import {
  boundPatterns,
  isFor,
  isInGap,
  isOfLine,
  isSettled,
  isUnaddressed,
  matchesAny,
  unnumbered,
} from './predicates.ts';
import { compilePatterns, filterText, likePattern } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { type Count, exactTo } from '../dispatch/cursor-state.ts';

const countTo = 2 * exactTo;

/** How many events ahead Postgres looks: for an endpoint that matches few, it would read a long log for minutes. */
const lookAhead = 1_000_000;

type Asked = { endpoint: Pick<Endpoint, 'id' | 'events'>; after: number };

/**
 * For each endpoint, the number of events after `after` and up to `head` that match its filter. Reads the events near the
 * head, once for all endpoints. An endpoint farther back gets 0 as its lower bound.
 */
export async function countNear(orm: MikroORM, asked: readonly Asked[], head: number): Promise<Count[]> {
  const near = head - countTo;
  const first = Math.max(near, Math.min(head, ...asked.map(({ after }) => after)));
  const recent =
    first < head
      ? await orm.em.fork().execute<{ position: number; type: string; notFor: string | null }[]>(
          `select e.position::float8 as position, e.type, e.not_for as "notFor" from webhook_log e
            where e.position > ? and e.position <= ? and ${isUnaddressed} order by e.position`,
          [first, head],
        )
      : [];
  const byType = positionsByType(recent);
  const notFor = Map.groupBy(recent, (event) => event.notFor);
  return asked.map(({ endpoint, after }) => {
    if (after < near) return { count: 0, isLowerBound: true };
    const types = [...byType.keys()].filter(compilePatterns(endpoint.events));
    const passedOver = positionsByType(notFor.get(endpoint.id) ?? []);
    const above = (positions: readonly number[] = []) => positions.length - countUpTo(positions, after);
    const count = types.reduce((sum, type) => sum + above(byType.get(type)) - above(passedOver.get(type)), 0);
    return { count, isLowerBound: false };
  });
}

type Recent = { position: number; type: string };

/** The positions of each type, ascending: thousands of endpoints are counted among thousands of events. */
function positionsByType(events: readonly Recent[]): Map<string, number[]> {
  const positions = new Map<string, number[]>();
  for (const { type, position } of events) {
    const known = positions.get(type);
    if (known) known.push(position);
    else positions.set(type, [position]);
  }
  return positions;
}

/** How many of these ascending positions are at most `limit`. */
function countUpTo(positions: readonly number[], limit: number): number {
  let [low, high] = [0, positions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same for one endpoint, also far from the head. Postgres counts up to 20,000, within the next million events. */
export async function countMatches(orm: MikroORM, asked: Asked, head: number): Promise<Count> {
  const { endpoint, after } = asked;
  const [near] = await countNear(orm, [asked], head);
  return near!.isLowerBound ? await countInPostgres(orm, endpoint, after, head) : near!;
}

async function countInPostgres(
  orm: MikroORM,
  { id, events }: Asked['endpoint'],
  after: number,
  head: number,
): Promise<Count> {
  const [row] = await orm.em
    .fork()
    .execute<[{ count: number }]>(
      `select count(*)::int as count from (${eventsFor('e.position > ? and e.position <= ?', '?', boundPatterns)} limit ?) counted`,
      [after, Math.min(head, after + lookAhead), id, JSON.stringify(events.map(likePattern)), countTo],
    );
  return { count: row.count, isLowerBound: row.count === countTo || after + lookAhead < head };
}

/**
 * Backlogs by endpoint id, exact up to 10,000 and never more; an endpoint without a position has none. What its owner
 * stored counts the events above its cursor, up to where the owner had examined the log. Added are those after that and
 * those without a position; subtracted are those above the cursor that are settled by now. Each count has a limit. What
 * was counted with another filter does not count: then the events are counted from the cursor on. Until its owner has
 * counted, that is the whole way to the log's end, which can take long for an endpoint that matches few.
 */
export async function readBacklogs(
  em: EntityManager,
  endpoints: readonly Pick<Endpoint, 'id' | 'events'>[],
): Promise<Map<string, number>> {
  const asked = endpoints.map(({ id, events }) => {
    return { endpoint_id: id, patterns: events.map(likePattern), filter: filterText(events) };
  });
  const rows = await em.execute<{ endpoint_id: string; backlog: number }[]>(storedAndComing, [JSON.stringify(asked)]);
  return new Map(rows.map(({ endpoint_id: id, backlog }) => [id, backlog]));
}

const storedAndComing = `
  select c.endpoint_id,
         least(${exactTo}, greatest(0, known.backlog + coming.events - settled.events))::float8 as backlog
  from jsonb_to_recordset(?::jsonb) as asked (endpoint_id text, patterns text[], filter text)
  join webhook_cursors c using (endpoint_id)
  cross join lateral (
    select case when c.filter = asked.filter then c.backlog else 0 end as backlog,
           case when c.filter = asked.filter then c.examined else c.position end as up_to
  ) known
  cross join lateral (
    select count(distinct above.position) as events from (
      select d.position from webhook_deliveries d
      where ${isOfLine} and ${isSettled} and d.position > c.position and not ${isInGap('d.position')}
        and ${matchesAny('d.event_type', 'asked.patterns')}
      limit ${10 * exactTo}
    ) above
  ) settled
  cross join lateral (
    select count(*) as events from (
      ${eventsFor('e.position > known.up_to', 'asked.endpoint_id', 'asked.patterns')}
      union all
      select 1 from ${unnumbered} where ${isFor('asked.endpoint_id', 'asked.patterns')}
      limit ${exactTo + 1} + settled.events
    ) unexamined
  ) coming
  where c.position is not null`;

function eventsFor(where: string, endpointId: string, patterns: string): string {
  return `select 1 from webhook_log e where ${where} and ${isFor(endpointId, patterns)}`;
}
