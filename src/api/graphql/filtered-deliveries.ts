// The list of the deliveries that a filter lets through. The newest are looked for a few days at a time.
//
// Asked for all days at once, Postgres reads each day's partition backward until it meets a match: the whole day where
// there is none. Asked for one day, it knows by its statistics of that day which index leads to the matches soonest. So
// each day is asked for by itself, those of a look in one statement, and each look takes in more days than the last.

import type { EntityManager, FilterQuery, QBFilterQuery } from '@mikro-orm/postgresql';
import { firstIdOf } from '../../model/uuid.ts';
import { WebhookDelivery } from '../../model/webhook-delivery.ts';
import type { Bounds, List } from './connection.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** How many days each look takes in, from today backward. A last one takes in all that is older. */
const looks = [1, 1, 2, 4, 8, 16];

export function filteredDeliveries(
  em: EntityManager,
  where: FilterQuery<WebhookDelivery>,
): Omit<List<WebhookDelivery>, 'kind'> {
  return {
    async find(bounds, order, limit) {
      // Without the identity map: a page shows what is stored now.
      const options = { orderBy: { id: order }, limit, disableIdentityMap: true };
      if (order === 'asc') return await em.find(WebhookDelivery, within(where, bounds), options);
      const ids = await newestIds(em, where, bounds, limit);
      return ids.length === 0 ? [] : await em.find(WebhookDelivery, { id: { $in: ids } }, options);
    },
    count: async () => await em.fork().count(WebhookDelivery, where),
  };
}

async function newestIds(
  em: EntityManager,
  where: FilterQuery<WebhookDelivery>,
  bounds: Bounds,
  limit: number,
): Promise<string[]> {
  const ids: string[] = [];
  for (const days of looksFrom(dayToBeginWith(bounds))) {
    const missing = limit - ids.length;
    const statements = days.map((day) => {
      const ofDay = within(within(where, bounds), day) as QBFilterQuery<WebhookDelivery>;
      const query = em.createQueryBuilder(WebhookDelivery).select('id').where(ofDay);
      return `(${query.orderBy({ id: 'desc' }).limit(missing).getFormattedQuery()})`;
    });
    const look = `select id from (${statements.join(' union all ')}) days order by id desc limit ${missing}`;
    ids.push(...(await em.execute<{ id: string }[]>(look)).map(({ id }) => id));
    if (ids.length >= limit) break;
  }
  return ids;
}

function within(where: FilterQuery<WebhookDelivery>, bounds: Bounds): FilterQuery<WebhookDelivery> {
  const given = Object.entries(bounds).filter(([, id]) => id !== undefined);
  return given.length === 0 ? where : { $and: [where, { id: Object.fromEntries(given) }] };
}

/** Today, or the day of the cursor that the page is before. In Unix ms. */
function dayToBeginWith({ $lt, $lte }: Bounds): number {
  const id = $lt ?? $lte;
  const newest =
    id === undefined ? Date.now() : Math.min(Date.now(), Number.parseInt(id.replace('-', '').slice(0, 12), 16));
  return Math.floor(newest / dayMs) * dayMs;
}

function* looksFrom(firstDay: number): Iterable<Bounds[]> {
  let day = firstDay;
  // Clocks differ.
  let spans: Bounds[] = [{ $gte: firstIdOf(day + dayMs) }];
  for (const days of looks) {
    for (let left = days; left > 0; left -= 1) {
      spans.push({ $gte: firstIdOf(day), $lt: firstIdOf(day + dayMs) });
      day -= dayMs;
    }
    yield spans;
    spans = [];
  }
  yield [{ $lt: firstIdOf(day + dayMs) }];
}
