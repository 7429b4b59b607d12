// Reads an endpoint's stored replays (a test is a replay, too), each with its attempts so far.

import type { MikroORM } from '@mikro-orm/postgresql';
import { waitLeft } from './load-cursors.ts';
import type { ReplayQuestion, StoredReplay } from '../dispatch/replay-window.ts';

type Row = Omit<StoredReplay, 'event'> & Omit<StoredReplay['event'], 'id' | 'previous'> & { eventId: string };

/**
 * The next tests, then the next replays, in the order of their ids. Their payloads are as many bytes as were asked for, or more by less than the
 * last one. A replay whose event has no position yet is left out: the dispatcher wakes its actor when it reads that event.
 */
export async function readReplays(
  orm: MikroORM,
  endpointId: string,
  { known, most }: ReplayQuestion,
): Promise<StoredReplay[]> {
  const rows = await orm.em.fork().execute<Row[]>(
    `select s.id, s.origin, s.event_id as "eventId", s.position::float8 as position, s.type, s.subject, s.payload, s.traceparent,
            coalesce(d.attempt_count, 0) as attempts, coalesce(d."waitMs", 0) as "waitMs"
       from (select i.id, i.origin, i.event_id, at.position, e.type, e.subject, e.payload, e.traceparent,
                    sum(octet_length(e.payload)) over (order by i.origin desc, i.id) - octet_length(e.payload) as bytes_before
               from (select * from webhook_replays
                      where endpoint_id = ? and id not in (select json_array_elements_text(?::json)::uuid)
                      order by origin desc, id limit ?) i
              cross join lateral (select coalesce(i.position, (select position from webhook_log
                                    where addressed_to = i.endpoint_id and event_id = i.event_id)) as position) at
               join webhook_events e on e.id = i.event_id and at.position is not null) s
       join webhook_cursors c on c.endpoint_id = ?
       left join lateral (select d.attempt_count, ${waitLeft} from webhook_deliveries d
                           where d.event_id = s.event_id and d.replay_id = s.id and d.resumes = c.resumes
                           order by d.attempt_count desc limit 1) d on true
      where s.bytes_before < ? order by s.origin desc, s.id`,
    [endpointId, JSON.stringify(known), most.replays, endpointId, most.bytes],
  );
  return rows.map(({ id, origin, attempts, waitMs, eventId, ...event }) => {
    return { id, origin, attempts, waitMs, event: { ...event, id: eventId, previous: null } };
  });
}
