// The recorded events in the order in which the relay takes them: those of the log, and after them those of the queue.

import type { FilterQuery, MikroORM } from '@mikro-orm/postgresql';
import { WebhookEvent } from '../../src/model/webhook-event.ts';

export async function recordedEvents(orm: MikroORM, where: FilterQuery<WebhookEvent> = {}): Promise<WebhookEvent[]> {
  const em = orm.em.fork();
  const order = await em.execute<{ id: string }[]>(
    `select id from (select event_id as id, 0 as place, position as at from webhook_log
                     union all select event_id, 1, seq from webhook_outbox) recorded order by place, at`,
  );
  const events = new Map((await em.find(WebhookEvent, where)).map((event) => [event.id, event]));
  return order.flatMap(({ id }) => events.get(id) ?? []);
}

/** Gives stored events their positions. */
export async function storePositions(
  orm: MikroORM,
  events: readonly (Pick<WebhookEvent, 'id' | 'type' | 'addressedTo'> & { position: number; at?: Date })[],
): Promise<void> {
  await orm.em.fork().execute(
    `insert into webhook_log (position, event_id, type, addressed_to, line, configuration, positioned_at)
     select v.position, v.id, v.type, v."addressedTo", coalesce(hashtextextended(e.subject, 0), 0), 0,
            coalesce(v.at, clock_timestamp())
       from json_to_recordset(?::json) as v (id uuid, type text, "addressedTo" text, position bigint, at timestamptz)
       left join webhook_events e on e.id = v.id`,
    [JSON.stringify(events)],
  );
}
