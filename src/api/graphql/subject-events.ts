// Lists the events of one subject, newest first: those that have no position yet, and then the log from its end.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { WebhookEvent } from '../../model/webhook-event.ts';
import { idBeyond, lowestIdSince } from '../../model/uuid.ts';
import type { Bounds, List } from './connection.ts';
import { eventsById } from './event-deliveries.ts';

export type SubjectFilter = {
  subject: string;
  types: readonly string[] | null;
  since: Date | null;
  until: Date | null;
};

/** Queued events stand above all positions, in the order of the queue. */
const ofQueue = `(${2n ** 62n} + o.seq)`;

/** Below all others if the event is no longer kept. */
const placeOf = (id: string) => `coalesce((select position from webhook_log where event_id = ${id}),
  (select ${ofQueue} from webhook_outbox o where o.event_id = ${id}), 0)`;

const comparisons = { $lt: '<', $lte: '<=', $gt: '>', $gte: '>=' } as const;

/**
 * The log's index by line serves it, and the subject itself is compared in the events that it finds. Reads the whole queue,
 * where events stay for milliseconds.
 */
export function eventsOfSubject(em: EntityManager, filter: SubjectFilter): List<WebhookEvent> {
  const { subject, types, since, until } = filter;
  const values = {
    subject,
    types: JSON.stringify(types),
    since: since?.toISOString(),
    until: until?.toISOString(),
    lowest: since && lowestIdSince(since),
    beyond: until && idBeyond(until),
  };
  // A row of the log, or of the queue, is joined to its event only if the event can be one of these.
  const isWanted = (row: 'l' | 'o') => `true
    ${since ? `and ${row}.event_id >= :lowest::uuid` : ''} ${until ? `and ${row}.event_id < :beyond::uuid` : ''}`;
  const isOfLine = `l.line = hashtextextended(:subject, 0)`;
  const event = (row: 'l' | 'o') => `cross join lateral (
    select id from webhook_events where id = ${row}.event_id and subject = :subject
      ${types ? 'and type = any (array(select json_array_elements_text(:types::json)))' : ''}
      ${since ? 'and created_at >= :since::timestamptz' : ''} ${until ? 'and created_at < :until::timestamptz' : ''}
    offset 0) e`;

  async function find(bounds: Bounds, order: 'asc' | 'desc', limit: number): Promise<WebhookEvent[]> {
    const given = Object.entries(bounds).filter(([, id]) => id !== undefined) as [keyof Bounds, string][];
    const isWithin = (place: string) =>
      given.map(([by]) => `and ${place} ${comparisons[by]} ${placeOf(`:${by}::uuid`)}`).join(' ');
    const found = await em.fork().execute<{ id: string }[]>(
      `select id from (
         (select l.position as place, e.id from webhook_log l ${event('l')}
           where ${isOfLine} and ${isWanted('l')} ${isWithin('l.position')} order by l.position ${order} limit :limit)
         union all
         (select ${ofQueue}, e.id from webhook_outbox o ${event('o')}
           where ${isWanted('o')} ${isWithin(ofQueue)} order by o.seq ${order} limit :limit)
       ) recorded order by place ${order} limit :limit`,
      { ...values, ...bounds, limit },
    );
    const ids = found.map(({ id }) => id);
    const events = await eventsById(em.fork(), ids);
    // One that retention removed between the two reads is left out.
    return ids.flatMap((id) => events.get(id) ?? []);
  }

  async function count(): Promise<number> {
    const [row] = await em.fork().execute<[{ count: number }]>(
      `select ((select count(*) from webhook_log l ${event('l')} where ${isOfLine} and ${isWanted('l')})
             + (select count(*) from webhook_outbox o ${event('o')} where ${isWanted('o')}))::int as count`,
      values,
    );
    return row.count;
  }

  return { kind: 'event', find, count };
}
