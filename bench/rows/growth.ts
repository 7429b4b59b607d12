// Whether a delivery costs more with more endpoints, or with a longer past.

import { insertEvents, readExpected } from '../backlog.ts';
import { demandRight } from '../check.ts';
import { makeEndpoints } from '../endpoints.ts';
import { createGround } from '../ground.ts';
import { makeHistory } from '../history.ts';
import { median } from '../median.ts';
import type { Figure, FigureLine, Row, RowOptions } from '../row.ts';
import { costOfAll } from '../sides/run.ts';
import { drain, headOf } from '../sides/tidings-side.ts';
import { openStage } from '../stage.ts';

const events = 20_000;
const byEndpoints = { counts: [10, 1_000, 10_000], reach: 1.3, past: 0 };
const byRows = { counts: [10_000, 1_000_000, 10_000_000], reach: 1.2, endpoints: 100 };

export const growthRow: Row = { name: 'growth', isLarge: true, measure };

async function measure(_: unknown, { pairs, say }: RowOptions): Promise<Figure> {
  const runs = Math.min(pairs, 3);
  const costs = { endpoints: new Map<number, number>(), rows: new Map<number, number>() };
  for (const count of byEndpoints.counts) {
    costs.endpoints.set(count, await costWith({ endpoints: count, past: byEndpoints.past, runs }));
    say(`${count} endpoints: ${costs.endpoints.get(count)!.toFixed(0)} µs a delivery`);
  }
  for (const count of byRows.counts) {
    costs.rows.set(count, await costWith({ endpoints: byRows.endpoints, past: count, runs }));
    say(`${count} rows: ${costs.rows.get(count)!.toFixed(0)} µs a delivery`);
  }
  return {
    lines: [
      ...linesOf('endpoints', costs.endpoints, byEndpoints.reach),
      ...linesOf('rows in the log', costs.rows, byRows.reach),
    ],
    notes: [`processor time of all processes; the median of ${runs} drains of ${events.toLocaleString('en')} events`],
    details: { endpoints: Object.fromEntries(costs.endpoints), rows: Object.fromEntries(costs.rows) },
  };
}

function linesOf(what: string, costs: ReadonlyMap<number, number>, reach: number): FigureLine[] {
  const [[fewest, least] = [0, 0], ...others] = [...costs];
  return others.map(([count, us]) => ({
    measure: `processor time a delivery with ${count.toLocaleString('en')} ${what}`,
    measured: `${us.toFixed(0)} µs`,
    beside: `${least.toFixed(0)} µs (${fewest.toLocaleString('en')})`,
    ratio: us / least,
    reach: `<= ${reach.toFixed(2)}`,
    reached: us / least <= reach,
  }));
}

/** Microseconds of all processes; servers of their own each time. */
async function costWith(given: { endpoints: number; past: number; runs: number }): Promise<number> {
  await using ground = createGround();
  const endpoints = makeEndpoints(given.endpoints);
  const stage = await openStage(ground, endpoints);
  const { orm, receiver } = stage;
  if (given.past > 0)
    await makeHistory(orm, { count: given.past, days: 30, deliveries: endpoints.map(({ id }) => id) });

  async function drainOnce(): Promise<number> {
    const after = await headOf(orm);
    const run = await drain(stage, { events, deliveries: events, insert: () => insertEvents(orm, endpoints, events) });
    const expected = await readExpected(orm, after);
    demandRight('Tidings', { endpoints, expected, received: await receiver.take() });
    return costOfAll(run);
  }

  await drainOnce();
  const costs: number[] = [];
  for (let run = 0; run < given.runs; run += 1) costs.push(await drainOnce());
  return median(costs);
}
