// Reads the stored tests and replays of an endpoint, each with the attempts that were made of it.

import type { MikroORM } from '@mikro-orm/postgresql';
import { waitLeft } from './load-cursors.ts';
import type { SideQuestion, StoredSideItem } from '../dispatch/replay-window.ts';

type Row = Omit<StoredSideItem, 'event'> & Omit<StoredSideItem['event'], 'id' | 'previous'> & { eventId: string };

/**
 * The next items in the order of their ids; the payloads together exceed the bytes asked for by less than the last one's.
 * An item whose event has no position yet is left out: the log will tell of it.
 */
export async function readSideItems(
  orm: MikroORM,
  endpointId: string,
  { known, most }: SideQuestion,
): Promise<StoredSideItem[]> {
  const rows = await orm.em.fork().execute<Row[]>(
    `select s.id, s.origin, s.event_id as "eventId", s.position::float8 as position, s.type, s.payload,
            coalesce(d.attempt_count, 0) as attempts, coalesce(d."waitMs", 0) as "waitMs"
       from (select i.id, i.origin, i.event_id, e.position, e.type, e.payload,
                    sum(octet_length(e.payload)) over (order by i.id) - octet_length(e.payload) as bytes_before
               from (select * from webhook_side_items
                      where endpoint_id = ? and id not in (select json_array_elements_text(?::json)::uuid)
                      order by id limit ?) i
               join webhook_events e on e.id = i.event_id and e.position is not null) s
       join webhook_cursors c on c.endpoint_id = ?
       left join lateral (select d.attempt_count, ${waitLeft} from webhook_deliveries d
                           where d.event_id = s.event_id and d.side_item_id = s.id and d.resumes = c.resumes
                           order by d.attempt_count desc limit 1) d on true
      where s.bytes_before < ? order by s.id`,
    [endpointId, JSON.stringify(known), most.items, endpointId, most.bytes],
  );
  return rows.map(({ id, origin, eventId, type, payload, position, attempts, waitMs }) => {
    return { id, origin, attempts, waitMs, event: { id: eventId, type, payload, position, previous: null } };
  });
}
