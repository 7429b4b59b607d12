// Lists the events that an endpoint did not get, newest first: what failed and was not delivered since, and what is to come.
//
// What failed is found by an index that holds little else. What is to come lies above the endpoint's cursor. Near the log's
// end, where cursors usually are, that part of the log is read. Of an endpoint that is far behind the newest events are
// looked at, and if they do not make a page, each type that it asks for is looked for by itself, the newest first. So
// neither a page of many nor the lack of any takes long.

import type { EntityManager } from '@mikro-orm/postgresql';
import { isFor } from '../../cursors/predicates.ts';
import { firstIdOf, idBeyond, lowestIdSince } from '../../model/uuid.ts';
import { compilePatterns, likePattern } from '../../policy/routing.ts';
import type { WebhookEvent } from '../../model/webhook-event.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import type { Bounds, List } from './connection.ts';
import { eventsById } from './event-deliveries.ts';
import type { SubjectFilter } from './subject-events.ts';
import { type FailuresWanted, allFailures, findFailures } from './undelivered-failures.ts';
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

/** So many of the newest events are looked at before each type is. */
const newestLooked = 2_000;

const comparisons = { $lt: '<', $lte: '<=', $gt: '>', $gte: '>=' } as const;

const textsOf = (parameter: string) => `any (array(select json_array_elements_text(${parameter}::json)))`;
const idsIn = (parameter: string) => `json_array_elements_text(${parameter}::json)::uuid as id`;
const idsOf = (parameter: string) => `any (array(select ${idsIn(parameter)}))`;

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

  const isFarAhead = `exists (select 1 from webhook_log e where e.event_id = v.id and ${isAhead} offset 0)
    and ${isUnsettled('v.id')} and ${isWanted}`;

  const loggedNewest = (place: Place, bounds: Bounds, order: string, end: string) => `
    select v.id from (
      select * from webhook_events v
       where v.id >= :farthest::uuid ${isWithin('v.id', null, place, bounds)} order by v.id ${order} limit ${newestLooked}
    ) v where ${isFarAhead} ${types ? `and v.type = ${textsOf(':types')}` : ''} ${end}`;

  const loggedByType = (place: Place, bounds: Bounds, end: string) => `
    select found.id from json_array_elements_text(:sought::json) sought (type) cross join lateral (
      select v.id from webhook_events v
       where v.type = sought.type and v.id >= :farthest::uuid ${isWithin('v.id', null, place, bounds)} and ${isFarAhead}
       ${end}
    ) found ${end}`;

  const queued = (place: Place, bounds: Bounds, end: string) => `
    select v.id from webhook_outbox o
     cross join lateral (select * from webhook_events where id = o.event_id offset 0) v
     cross join lateral (select v.type, v.addressed_to, v.not_for) e
     where ${isFor(':endpointId', textsArray(':patterns'))} and ${isWanted} ${isWithin('v.id', 'v.type', place, bounds)}
     ${end}`;

  /** `failed` and `log` tell the ids of what failed, and of what is to come by the log. */
  const unionOf = (place: Place, bounds: Bounds, end: string, { failed, log }: { failed: string; log: string }) => {
    const parts = [failed, tests(place, bounds, end)];
    if (place.position !== null) parts.push(log, queued(place, bounds, end));
    return `select id from (${parts.map((part) => `(${part})`).join(' union ')}) undelivered ${end}`;
  };

  const failures = (place: Place): FailuresWanted => ({
    isWithin: (bounds, type) => `true ${isWithin('d.event_id', type, place, bounds)}`,
    isKept,
    isOfTypes: types !== null,
  });

  /** The ids of the first events to come of an endpoint that is far behind. */
  async function findFar(place: Place, bounds: Bounds, order: 'asc' | 'desc', limit: number): Promise<string[]> {
    const end = `order by id ${order} limit ${limit}`;
    const given = { ...(await values()), ...bounds };
    const read = async (sql: string, sought: readonly string[]) => {
      const found = await em.fork().execute<{ id: string }[]>(sql, { ...given, sought: JSON.stringify(sought) });
      return found.map(({ id }) => id);
    };
    const newest = await read(loggedNewest(place, bounds, order, end), []);
    return newest.length === limit ? newest : await read(loggedByType(place, bounds, end), await typesSought(place));
  }

  async function values() {
    const place = await look();
    return {
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
      const place = await look();
      const given = await values();
      const end = `order by id ${order} limit ${limit}`;
      const isFar = place.isFar && !place.ofSubject;
      const far = isFar ? await findFar(place, bounds, order, limit) : [];
      const failed = await findFailures(em.fork(), failures(place), { values: given, bounds, order, limit });
      const log = isFar ? `select ${idsIn(':far')}` : logged(place, bounds, end);
      const found = await em
        .fork()
        .execute<{ id: string }[]>(unionOf(place, bounds, end, { failed: `select ${idsIn(':failed')}`, log }), {
          ...{ ...given, ...bounds },
          ...{ failed: JSON.stringify(failed), far: JSON.stringify(far) },
        });
      const events = await eventsById(
        em.fork(),
        found.map(({ id }) => id),
      );
      // One that retention removed between the two reads is left out.
      return found.flatMap(({ id }) => events.get(id) ?? []);
    },
    async count() {
      const place = await look();
      const all = unionOf(place, {}, '', { failed: allFailures(failures(place), {}), log: logged(place, {}, '') });
      const [row] = await em
        .fork()
        .execute<[{ count: number }]>(`select count(*)::int as count from (${all}) counted`, await values());
      return row.count;
    },
  };
}

const textsArray = (parameter: string) => `array(select json_array_elements_text(${parameter}::json))`;

/** When the earliest of the events above the cursor can have been recorded, in Unix ms. */
function earliestOf({ firstAt }: Place): number {
  return (firstAt ?? 0) - longestTransactionMs;
}
