// How long the first page of deliveries and of events takes, with each filter, at 10,000,000 rows beside 10,000.

import { ask } from '../api.ts';
import { makeEndpoints } from '../endpoints.ts';
import { createGround } from '../ground.ts';
import { makeHistory } from '../history.ts';
import { median } from '../median.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { openStage } from '../stage.ts';

const few = 10_000;
const many = 10_000_000;
const days = 30;
const times = 15;
const mostRatio = 3;
const mostMs = 50;

export const pagesRow: Row = { name: 'pages', isLarge: true, measure };

const since = () => new Date(Date.now() - 3 * 24 * 60 * 60 * 1_000).toISOString();

const pages: Record<string, () => { query: string; variables: object }> = {
  'deliveries, no filter': () => deliveriesBy({}),
  'deliveries by endpoint': () => deliveriesBy({ endpointId: 'e00003' }),
  'deliveries by event type': () => deliveriesBy({ eventType: 'history.type_7' }),
  'failed deliveries': () => deliveriesBy({ status: 'FAILED' }),
  'deliveries since': () => deliveriesBy({ since: since() }),
  'events, no filter': () => eventsBy({}),
  'events by type': () => eventsBy({ types: ['history.type_7'] }),
  'events by subject': () => eventsBy({ subject: 'subject-4711' }),
};

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
      const ratio = large[name]! / small[name]!;
      return {
        measure: `first page, ${name}`,
        measured: `${large[name]!.toFixed(1)} ms`,
        beside: `${small[name]!.toFixed(1)} ms (${few.toLocaleString('en')} rows)`,
        ratio,
        reach: `<= ${mostRatio.toFixed(2)} and < ${mostMs} ms`,
        reached: ratio <= mostRatio && large[name]! < mostMs,
      };
    }),
    notes: [`${many.toLocaleString('en')} rows in ${days} days of partitions; the median of ${times} requests`],
    details: { few, many, days, small, large },
  };
}

/** Milliseconds of each page by its name. */
async function timesAt(rows: number): Promise<Record<string, number>> {
  await using ground = createGround();
  const endpoints = makeEndpoints(100);
  const { orm, tidings } = await openStage(ground, endpoints);
  await makeHistory(orm, { count: rows, days, deliveries: endpoints.map(({ id }) => id) });
  const found: Record<string, number> = {};
  for (const [name, page] of Object.entries(pages)) {
    const taken: number[] = [];
    for (let time = 0; time < times; time += 1) {
      const { query, variables } = page();
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
