// Recorded events as tests read and make them: in the log, or still in the queue.

import type { FilterQuery, MikroORM } from '@mikro-orm/postgresql';
import { WebhookEvent } from '../../src/model/webhook-event.ts';

/** In the order in which the relay takes them: those of the log, and after them those of the queue. */
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
  events: readonly (Pick<WebhookEvent, 'id' | 'type' | 'addressedTo'> &
    Partial<Pick<WebhookEvent, 'notFor'>> & { position: number; at?: Date })[],
): Promise<void> {
  await orm.em.fork().execute(
    `insert into webhook_log (position, event_id, type, addressed_to, not_for, line, configuration, positioned_at)
     select v.position, v.id, v.type, v."addressedTo", v."notFor", coalesce(hashtextextended(e.subject, 0), 0), 0,
            coalesce(v.at, clock_timestamp())
       from json_to_recordset(?::json) as v (id uuid, type text, "addressedTo" text, "notFor" text, position bigint, at timestamptz)
       left join webhook_events e on e.id = v.id`,
    [JSON.stringify(events)],
  );
}

/** SQL of a value of the event at position `n`. */
type Series = { type?: string; addressedTo?: string; payload?: string };

/** A statement has a limit, and a busy machine much to do. */
const rowsOfStatement = 20_000;

/** Stores events that have the positions from `first` to `last` already. */
export async function storeSeries(
  orm: MikroORM,
  first: number,
  last: number,
  { type = `'order.paid'`, addressedTo = 'null', payload = `'{}'` }: Series = {},
): Promise<void> {
  for (let from = first; from <= last; from += rowsOfStatement) {
    await orm.em.fork().execute(
      `with made as materialized (
       select gen_random_uuid() as id, n, ${type} as type, ${addressedTo}::text as addressed_to
         from generate_series(?::int, ?::int) n
     ), recorded as (
       insert into webhook_events (id, type, addressed_to, payload, created_at)
         select id, type, addressed_to, ${payload}, now() from made
     )
     insert into webhook_log (position, event_id, type, addressed_to, line, configuration, positioned_at)
       select n, id, type, addressed_to, 0, 0, now() from made`,
      [from, Math.min(last, from + rowsOfStatement - 1)],
    );
  }
}

/** Takes all events away, and goes back to the first position. */
export async function emptyLog(orm: MikroORM): Promise<void> {
  await orm.em.fork().execute(
    `truncate webhook_events, webhook_outbox, webhook_log, webhook_log_gaps;
     update webhook_log_head set position = 0`,
  );
}
