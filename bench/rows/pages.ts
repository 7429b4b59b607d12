// How long the first page of deliveries and of events takes, with each filter, and other questions about the log, at
// 10,000,000 rows beside 10,000.

import { ask } from '../api.ts';
import { makeEndpoints } from '../endpoints.ts';
import { createGround } from '../ground.ts';
import { makeHistory } from '../history.ts';
import { makeStatistics, makeWideEvent, wideType } from '../past-of-endpoints.ts';
import { median } from '../median.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { openStage } from '../stage.ts';

const few = 10_000;
const many = 10_000_000;
const days = 30;
const times = 15;
/** So many endpoints have a past; the others got one event. */
const withPast = 100;

export const pagesRow: Row = { name: 'pages', isLarge: true, measure };

const since = () => new Date(Date.now() - 3 * 24 * 60 * 60 * 1_000).toISOString();

/** It asks for all of the history, and has got none of it. */
const behind = makeEndpoints(1, { all: "'history.*'", prefix: 'behind' });

type Question = { query: string; variables: object };
type Page = { question(): Question; mostMs: number; mostRatio: number | null };

/** A page that may take three times as long at most. */
const listed = (question: () => Question): Page => ({ question, mostMs: 50, mostRatio: 3 });
const within = (mostMs: number, question: () => Question): Page => ({ question, mostMs, mostRatio: null });

const pages: Record<string, Page> = {
  'deliveries, no filter': listed(() => deliveriesBy({})),
  'deliveries by endpoint': listed(() => deliveriesBy({ endpointId: 'e00003' })),
  'deliveries by event type': listed(() => deliveriesBy({ eventType: 'history.type_7' })),
  'failed deliveries': listed(() => deliveriesBy({ status: 'FAILED' })),
  'deliveries since': listed(() => deliveriesBy({ since: since() })),
  ...byNewFilters(),
  'events, no filter': listed(() => eventsBy({})),
  'events by type': listed(() => eventsBy({ types: ['history.type_7'] })),
  'events by subject': listed(() => eventsBy({ subject: 'subject-4711' })),
  'events that failed at the one endpoint where any did': within(50, () => undelivered('e00000', {})),
  'the same by type, of which none failed': within(50, () => undelivered('e00000', { types: ['history.type_7'] })),
  'the same by subject': within(50, () => undelivered('e00000', { subject: 'subject-4700' })),
  'undelivered events of an endpoint that got all': within(50, () => undelivered('e00003', {})),
  'undelivered events of one that got none': within(50, () => undelivered('behind00000', {})),
  'the same by type': within(50, () => undelivered('behind00000', { types: ['history.type_7'] })),
  'the same by a type that no event has': within(50, () => undelivered('behind00000', { types: ['history.none'] })),
  'the same since': within(50, () => undelivered('behind00000', { since: since() })),
  'the same until': within(50, () => undelivered('behind00000', { until: since() })),
  'statistics of a week, one endpoint': within(200, () => statisticsOf('e00003')),
  'statistics of a week, all endpoints': within(200, () => statisticsOf(null)),
  'outcomes of an event that 10,000 endpoints got': within(200, outcomes),
  'how much a rewind to the beginning would send again': within(200, () => rewindCount('e00003')),
  'endpoints of 10,000 by search': within(200, () => endpointsBy({ search: 'E0999' })),
  'paused endpoints of 10,000': within(200, () => endpointsBy({ states: ['PAUSED'] })),
  'endpoints of 10,000 that retry, of which there are none': within(200, () => endpointsBy({ states: ['RETRYING'] })),
  'blocked lines of 200 endpoints': within(200, () => ({
    query: '{ webhookEndpoints { id blocked { nodes { attempts } } } }',
    variables: {},
  })),
  service: within(50, () => ({ query: '{ service { instances { name } position unnumbered } }', variables: {} })),
};

/** Each alone, and with an endpoint: what all rows have, what one endpoint alone has, and what none has. */
function byNewFilters(): Record<string, Page> {
  const filters: Record<string, object> = {
    subject: { subject: 'subject-4711' },
    'HTTP status': { httpStatus: 503 },
    'an HTTP status that none has': { httpStatus: 404 },
    'the class of HTTP status that most have': { httpStatusClass: 2 },
    'class of HTTP status': { httpStatusClass: 5 },
    'a class of HTTP status that none has': { httpStatusClass: 3 },
    'the origin that all have': { origin: 'LINE' },
    'an origin that none has': { origin: 'REPLAY' },
  };
  return Object.fromEntries(
    Object.entries(filters).flatMap(([name, filter]) => [
      [`deliveries by ${name}`, within(50, () => deliveriesBy(filter))],
      [`deliveries by ${name}, of an endpoint`, within(50, () => deliveriesBy({ ...filter, endpointId: 'e00003' }))],
    ]),
  );
}

function rewindCount(id: string): Question {
  const query = `query ($id: ID!) { rewindCount(id: $id, to: { position: "1" }) }`;
  return { query, variables: { id } };
}

function endpointsBy(variables: object): Question {
  const query = `query ($search: String, $states: [WebhookEndpointState!]) {
    webhookEndpoints(search: $search, states: $states) { id state } }`;
  return { query, variables };
}

const undelivered = (notDeliveredTo: string, filter: object) => eventsBy({ ...filter, notDeliveredTo });

function statisticsOf(endpointId: string | null): Question {
  const week = new Date(Date.now() - 7 * 24 * 60 * 60 * 1_000).toISOString();
  const query = `query ($endpointId: ID, $since: DateTime!) {
    webhookStats(endpointId: $endpointId, since: $since) { attempts failed backlog latencyP99Ms } }`;
  return { query, variables: { endpointId, since: week } };
}

function outcomes(): Question {
  const query = `query ($filter: WebhookEventFilter) { webhookEvents(filter: $filter, first: 1) {
    nodes { outcomes { endpointId outcome attempts lastDelivery { status } } } } }`;
  return { query, variables: { filter: { types: [wideType] } } };
}

function deliveriesBy(filter: object) {
  const query = `query ($filter: WebhookDeliveryFilter) { webhookDeliveries(filter: $filter) { nodes { id status } } }`;
  return { query, variables: { filter } };
}

function eventsBy(filter: object) {
  return {
    query: `query ($filter: WebhookEventFilter) { webhookEvents(filter: $filter) { nodes { id type } } }`,
    variables: { filter },
  };
}

async function measure(_: unknown, { say }: RowOptions): Promise<Figure> {
  const small = await timesAt(few);
  say(`${few.toLocaleString('en')} rows: ${describe(small)}`);
  const large = await timesAt(many);
  say(`${many.toLocaleString('en')} rows: ${describe(large)}`);
  return {
    lines: Object.keys(pages).map((name) => {
      const { mostMs, mostRatio } = pages[name]!;
      const ratio = large[name]! / small[name]!;
      return {
        measure: `first page, ${name}`,
        measured: `${large[name]!.toFixed(1)} ms`,
        beside: `${small[name]!.toFixed(1)} ms (${few.toLocaleString('en')} rows)`,
        ratio,
        reach: `${mostRatio === null ? '' : `<= ${mostRatio.toFixed(2)} and `}< ${mostMs} ms`,
        reached: ratio <= (mostRatio ?? Infinity) && large[name]! < mostMs,
      };
    }),
    notes: [`${many.toLocaleString('en')} rows in ${days} days of partitions; the median of ${times} requests`],
    details: { few, many, days, small, large },
  };
}

/** Milliseconds of each page by its name. */
async function timesAt(rows: number): Promise<Record<string, number>> {
  await using ground = createGround();
  const endpoints = makeEndpoints(10_000);
  const { orm, tidings } = await openStage(ground, [...endpoints, ...behind]);
  const ids = endpoints.map(({ id }) => id);
  await ask(tidings.url, `mutation { pauseWebhookEndpoint(id: "${behind[0]!.id}") { id } }`);
  await makeHistory(orm, { count: rows, days, deliveries: ids.slice(0, withPast) });
  await orm.em.fork().execute('update webhook_cursors set position = 0 where endpoint_id = ?', [behind[0]!.id]);
  await makeStatistics(orm, { endpoints: ids.slice(0, withPast), days: 7 });
  await makeWideEvent(orm, ids);
  const found: Record<string, number> = {};
  for (const [name, { question }] of Object.entries(pages)) {
    const taken: number[] = [];
    for (let time = 0; time < times; time += 1) {
      const { query, variables } = question();
      const startedAt = performance.now();
      await ask(tidings.url, query, variables);
      taken.push(performance.now() - startedAt);
    }
    found[name] = median(taken);
  }
  return found;
}

function describe(found: Record<string, number>): string {
  return Object.entries(found)
    .map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
    .join(', ');
}
