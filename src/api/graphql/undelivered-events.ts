// Lists the events that an endpoint did not get, newest first: what failed and was not delivered since, and what is to come.
//
// What failed is found by an index that holds little else. What is to come lies above the endpoint's cursor. Near the log's
// end, where cursors usually are, that part of the log is read. Of an endpoint that is far behind each type that it asks for
// is looked for by itself, the newest first, so that neither a page of many nor the lack of any takes long.

import type { EntityManager } from '@mikro-orm/postgresql';
import { isFor } from '../../cursors/predicates.ts';
import { firstIdOf, idBeyond, lowestIdSince } from '../../model/uuid.ts';
import { compilePatterns, likePattern } from '../../policy/routing.ts';
import type { WebhookEvent } from '../../model/webhook-event.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import type { Bounds, List } from './connection.ts';
import { eventsById } from './event-deliveries.ts';
import type { SubjectFilter } from './subject-events.ts';
import { type Place, endpointPlace, typesSince } from './undelivered-place.ts';

/** `endpoint`: null for one that is not configured, to which nothing is to come. */
export type Undelivered = {
  endpointId: string;
  endpoint: Endpoint | null;
  wanted: Omit<SubjectFilter, 'subject'> & { subject: string | null };
};

/**
 * An event is recorded before it gets its position, by less than this. Where a transaction was open for longer, and the
 * endpoint is far behind, its event can be missing at the end of the list.
 */
const longestTransactionMs = 60 * 60 * 1000;

const comparisons = { $lt: '<', $lte: '<=', $gt: '>', $gte: '>=' } as const;

const textsOf = (parameter: string) => `any (array(select json_array_elements_text(${parameter}::json)))`;
const idsOf = (parameter: string) => `any (array(select json_array_elements_text(${parameter}::json)::uuid))`;

export function undeliveredEvents(
  em: EntityManager,
  { endpointId, endpoint, wanted }: Undelivered,
): List<WebhookEvent> {
  const { subject, types, since, until } = wanted;
  // Read once, for a page and for what is asked about it.
  let looked: Promise<Place> | null = null;
  const look = () =>
    (looked ??= endpointPlace(em.fork(), { endpointId, isConfigured: endpoint?.enabled === true, subject }));

  /** What is asked of the event `v` itself. */
  const isWanted = `true ${subject === null ? '' : 'and v.subject = :subject'}
    ${since ? 'and v.created_at >= :since::timestamptz' : ''} ${until ? 'and v.created_at < :until::timestamptz' : ''}`;

  /** What can be told by an event's id, and its type. */
  const isWithin = (id: string, type: string | null, place: Place, bounds: Bounds) => {
    const given = Object.entries(bounds).filter(([, bound]) => bound !== undefined) as [keyof Bounds, string][];
    return `${given.map(([by]) => `and ${id} ${comparisons[by]} :${by}::uuid`).join(' ')}
      ${since ? `and ${id} >= :lowest::uuid` : ''} ${until ? `and ${id} < :beyond::uuid` : ''}
      ${place.ofSubject ? `and ${id} = ${idsOf(':ofSubject')}` : ''} ${types && type ? `and ${type} = ${textsOf(':types')}` : ''}`;
  };

  const isKept = (id: string) => `exists (select 1 from webhook_events v where v.id = ${id} and ${isWanted} offset 0)`;

  /**
   * An event failed as often as it was replayed or came again after a rewind. A replay that delivered it is in the same
   * index; a line that did is found by its generation and position.
   */
  const failed = (place: Place, bounds: Bounds, end: string, order: string) => `
    select f.id from (
      select d.event_id as id, max(d.position) as position,
             max(d.id::text collate "C") filter (where d.status = 'failed') as failed,
             max(d.id::text collate "C") filter (where d.status = 'delivered') as delivered
        from webhook_deliveries d
       where d.endpoint_id = :endpointId and (d.status = 'failed' or d.origin = 'replay')
             ${isWithin('d.event_id', 'd.event_type', place, bounds)}
       group by d.event_id order by d.event_id ${order}
    ) f
    where f.failed > coalesce(f.delivered, '') and ${isKept('f.id')}
      and not exists (
        select 1 from webhook_deliveries l
         where l.endpoint_id = :endpointId and l.generation = any (array(select json_array_elements_text(:generations::json)::bigint))
           and l.position = f.position and l.event_id = f.id and l.status = 'delivered' and l.id > f.failed::uuid
        offset 0)
    ${end}`;

  const tests = (place: Place, bounds: Bounds, end: string) => `
    select s.event_id as id from webhook_replays s
     where s.endpoint_id = :endpointId and s.origin = 'test' ${isWithin('s.event_id', null, place, bounds)}
       and exists (select 1 from webhook_events v where v.id = s.event_id and ${isWanted}
                   ${types ? `and v.type = ${textsOf(':types')}` : ''} offset 0)
     ${end}`;

  const isAhead = `e.position > :position and ${isFor(':endpointId', textsArray(':patterns'))}`;
  const isUnsettled = (id: string) => `not (${id} = ${idsOf(':settled')})`;

  const logged = (place: Place, bounds: Bounds, end: string) => `
    select e.event_id as id from webhook_log e
     where ${isAhead} ${isWithin('e.event_id', 'e.type', place, bounds)} and ${isUnsettled('e.event_id')}
       and ${subject === null && !since && !until ? 'true' : isKept('e.event_id')}
     ${end}`;

  const loggedByType = (place: Place, bounds: Bounds, end: string) => `
    select found.id from json_array_elements_text(:sought::json) sought (type) cross join lateral (
      select v.id from webhook_events v
       where v.type = sought.type and v.id >= :farthest::uuid ${isWithin('v.id', null, place, bounds)} and ${isWanted}
         and exists (select 1 from webhook_log e where e.event_id = v.id and ${isAhead} offset 0)
         and ${isUnsettled('v.id')}
       ${end}
    ) found`;

  const queued = (place: Place, bounds: Bounds, end: string) => `
    select v.id from webhook_outbox o
     cross join lateral (select * from webhook_events where id = o.event_id offset 0) v
     cross join lateral (select v.type, v.addressed_to, v.not_for) e
     where ${isFor(':endpointId', textsArray(':patterns'))} and ${isWanted} ${isWithin('v.id', 'v.type', place, bounds)}
     ${end}`;

  async function ids(bounds: Bounds, order: 'asc' | 'desc', limit: number | null): Promise<string> {
    const place = await look();
    const end = limit === null ? '' : `order by id ${order} limit ${limit}`;
    const isFar = place.isFar && limit !== null && !place.ofSubject;
    const parts = [failed(place, bounds, end, order), tests(place, bounds, end)];
    if (place.position !== null) parts.push(isFar ? loggedByType(place, bounds, end) : logged(place, bounds, end));
    if (place.position !== null) parts.push(queued(place, bounds, end));
    return `select id from (${parts.map((part) => `(${part})`).join(' union ')}) undelivered ${end}`;
  }

  async function values(bounds: Bounds) {
    const place = await look();
    const typesToSeek = place.isFar ? await typesSought(place) : [];
    return {
      ...bounds,
      endpointId,
      subject,
      since: since?.toISOString(),
      until: until?.toISOString(),
      lowest: since && lowestIdSince(since),
      beyond: until && idBeyond(until),
      types: JSON.stringify(types),
      patterns: JSON.stringify(endpoint?.events.map(likePattern) ?? []),
      position: place.position,
      settled: JSON.stringify(place.settled),
      generations: JSON.stringify(place.generations),
      ofSubject: JSON.stringify(place.ofSubject),
      farthest: firstIdOf(earliestOf(place)),
      sought: JSON.stringify(typesToSeek),
    };
  }

  let seen: Promise<readonly string[]> | null = null;
  async function typesSought(place: Place): Promise<readonly string[]> {
    const matches = compilePatterns(endpoint?.events ?? []);
    seen ??= types ? Promise.resolve(types) : typesSince(em.fork(), endpoint?.events ?? [], earliestOf(place));
    return (await seen).filter(matches);
  }

  return {
    kind: 'event',
    async find(bounds, order, limit) {
      const found = await em.fork().execute<{ id: string }[]>(await ids(bounds, order, limit), await values(bounds));
      const events = await eventsById(
        em.fork(),
        found.map(({ id }) => id),
      );
      // One that retention removed between the two reads is left out.
      return found.flatMap(({ id }) => events.get(id) ?? []);
    },
    async count() {
      const all = await ids({}, 'desc', null);
      const [row] = await em
        .fork()
        .execute<[{ count: number }]>(`select count(*)::int as count from (${all}) counted`, await values({}));
      return row.count;
    },
  };
}

const textsArray = (parameter: string) => `array(select json_array_elements_text(${parameter}::json))`;

/** When the earliest of the events above the cursor can have been recorded, in Unix ms. */
function earliestOf({ firstAt }: Place): number {
  return (firstAt ?? 0) - longestTransactionMs;
}
