// Tells what became of events at endpoints: from their rows, the endpoints' cursors, and what waits to be sent beside them.
//
// An event is still to come for an endpoint while it lies above the cursor, is for it by the present filter, and was neither
// delivered nor given up in the present generation of the line. Otherwise its newest final row decides, of whatever
// generation: it is what became of the event last.

import type { EntityManager } from '@mikro-orm/postgresql';
import { isFor, isOfLine, isSettled } from '../../cursors/predicates.ts';
import { lowestIdSince } from '../../model/uuid.ts';
import { Refusal } from '../../policy/refusal.ts';
import { likePattern } from '../../policy/routing.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

export type Outcome = 'PENDING' | 'RETRYING' | 'HELD' | 'DELIVERED' | 'FAILED' | 'NOT_SUBSCRIBED';

export type EventOutcome = { endpointId: string; outcome: Outcome; attempts: number; lastDeliveryId: string | null };

/** Outcomes of one event: at most `first` of those endpoints whose id comes after `after`. */
export type OutcomesPage = {
  event: { id: string; createdAt: Date };
  endpoints: readonly Endpoint[];
  first: number;
  after: string | null;
};

/** Of one request: each is a row of the statement's answer. */
const mostOutcomes = 10_000;

/** The outcomes of each page, in the order of `pages`. Throws Refusal BAD_USER_INPUT for too many. */
export async function pagesOfOutcomes(em: EntityManager, pages: readonly OutcomesPage[]): Promise<EventOutcome[][]> {
  // Usually all pages are of the same endpoints.
  const alike = [...Map.groupBy(pages, ({ first, after }) => JSON.stringify([first, after])).values()];
  const groups = alike.map((some) => ({ some, endpoints: endpointsOf(some[0]!) }));
  if (groups.reduce((sum, { some, endpoints }) => sum + some.length * endpoints.length, 0) > mostOutcomes) {
    const message = `These events have more than ${mostOutcomes} outcomes: ask for fewer at once.`;
    throw new Refusal('BAD_USER_INPUT', message, 'first');
  }
  const found = new Map<OutcomesPage, EventOutcome[]>();
  for (const { some, endpoints } of groups) {
    const outcomes = await read(em, some, endpoints);
    for (const page of some) found.set(page, outcomes.get(page.event.id) ?? []);
  }
  return pages.map((page) => found.get(page)!);
}

function endpointsOf({ endpoints, first, after }: OutcomesPage): Endpoint[] {
  const rest = after === null ? endpoints : endpoints.filter(({ id }) => id > after);
  return rest.toSorted((one, other) => (one.id < other.id ? -1 : 1)).slice(0, first);
}

/** What is known of an event at an endpoint. */
type Facts = {
  event_id: string;
  endpoint_id: string;
  attempts: number;
  last_id: string | null;
  /** How its newest final row says that it ended. */
  ended: 'delivered' | 'failed' | null;
  is_to_come: boolean;
  /** An attempt of the present generation failed, and another was to follow. */
  is_tried: boolean;
  is_held: boolean;
  /** A replay or a test waits; null: none. */
  queued: 'untried' | 'tried' | null;
};

function outcomeOf(facts: Facts): Outcome {
  if (facts.is_to_come) {
    if (!facts.is_tried) return 'PENDING';
    return facts.is_held ? 'HELD' : 'RETRYING';
  }
  if (facts.ended === 'delivered') return 'DELIVERED';
  if (facts.queued !== null) return facts.queued === 'tried' ? 'RETRYING' : 'PENDING';
  return facts.ended === 'failed' ? 'FAILED' : 'NOT_SUBSCRIBED';
}

/** Above all positions: the event has none yet. Below all: the log does not hold it any more. */
const placeOf = (id: string) => `coalesce((select position from webhook_log where event_id = ${id}),
  (select ${2n ** 62n} from webhook_outbox where event_id = ${id}), 0)`;

/** One statement, so that the cursors and the rows above them are of one moment. */
const readFacts = `
  with asked as (
    select * from jsonb_to_recordset(:endpoints::jsonb) as a (endpoint_id text, enabled boolean, patterns text[])
  ), events as (
    select v.*, ${placeOf('v.id')} as position from webhook_events v
     where v.id = any (array(select json_array_elements_text(:ids::json)::uuid))
  ), tried as (
    select d.event_id, d.endpoint_id, count(*)::int as attempts, max(d.id::text collate "C") as last_id,
           (array_agg(d.status order by d.recorded_at desc, d.id desc) filter (where ${isSettled}))[1] as ended,
           coalesce(bool_or(${isSettled}) filter (where ${isOfLine}), false) as is_settled,
           coalesce(bool_or(d.status = 'retrying') filter (where ${isOfLine}), false) as is_tried,
           array_agg(d.replay_id) filter (where d.replay_id is not null) as replays
      from webhook_deliveries d
      join asked using (endpoint_id)
      left join webhook_cursors c using (endpoint_id)
     where d.event_id = any (array(select json_array_elements_text(:ids::json)::uuid)) and d.id >= :lowest::uuid
     group by d.event_id, d.endpoint_id
  )
  select e.id as event_id, asked.endpoint_id, coalesce(tried.attempts, 0) as attempts, tried.last_id, tried.ended,
         coalesce(asked.enabled and e.position > c.position and ${isFor('asked.endpoint_id', 'asked.patterns')} and tried.is_settled is not true,
                  false) as is_to_come,
         coalesce(tried.is_tried, false) as is_tried,
         coalesce(c.pause_reason = 'exhausted', false) as is_held,
         case when s.id is null then null when s.id = any (tried.replays) then 'tried' else 'untried' end as queued
    from events e
   cross join asked
    left join webhook_cursors c using (endpoint_id)
    left join tried on tried.event_id = e.id and tried.endpoint_id = asked.endpoint_id
    left join webhook_replays s on s.endpoint_id = asked.endpoint_id and s.event_id = e.id
   order by asked.endpoint_id collate "C"`;

async function read(
  em: EntityManager,
  pages: readonly OutcomesPage[],
  endpoints: readonly Endpoint[],
): Promise<Map<string, EventOutcome[]>> {
  const oldest = Math.min(...pages.map(({ event }) => event.createdAt.getTime()));
  const facts = await em.execute<Facts[]>(readFacts, {
    ids: JSON.stringify([...new Set(pages.map(({ event }) => event.id))]),
    endpoints: JSON.stringify(
      endpoints.map(({ id, enabled, events }) => ({ endpoint_id: id, enabled, patterns: events.map(likePattern) })),
    ),
    lowest: lowestIdSince(new Date(oldest)),
  });
  const byEvent = Map.groupBy(facts, (row) => row.event_id);
  return new Map(
    [...byEvent].map(([id, rows]) => [
      id,
      rows.map((row) => ({
        endpointId: row.endpoint_id,
        outcome: outcomeOf(row),
        attempts: row.attempts,
        lastDeliveryId: row.last_id,
      })),
    ]),
  );
}
