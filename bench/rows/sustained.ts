// Publishing and delivering at once: the highest rate at which the backlog does not grow, beside the drain's.

import { insertEvents, readExpected } from '../backlog.ts';
import { publish } from '../api.ts';
import { demandRight } from '../check.ts';
import { makeEndpoints } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { costOf } from '../cpu-time.ts';
import { costOfAll, rateOf } from '../sides/run.ts';
import { drain, headOf, untilAttempted } from '../sides/tidings-side.ts';
import { openStage } from '../stage.ts';
import { setTimeout as sleep } from 'node:timers/promises';

const endpointCount = 100;
const forMs = 60_000;
const eventsOfCall = 100;
/** Published and not yet delivered: a publisher waits where there are more. */
const mostWaiting = 2_000;
const publishers = 2;
const drained = 20_000;
const reach = 0.5;

export const sustainedRow: Row = { name: 'sustained', isLarge: true, measure };

async function measure(ground: Ground, { profileDirectory, say }: RowOptions): Promise<Figure> {
  const endpoints = makeEndpoints(endpointCount);
  const stage = await openStage(ground, endpoints, { profileDirectory });
  const { orm, tidings, receiver, meter } = stage;

  async function drainOnce(events: number): Promise<number> {
    const after = await headOf(orm);
    const run = await drain(stage, { events, deliveries: events, insert: () => insertEvents(orm, endpoints, events) });
    demandRight('Tidings', { endpoints, expected: await readExpected(orm, after), received: await receiver.take() });
    return rateOf(run);
  }

  await drainOnce(2_000);
  const before = await drainOnce(drained);
  const after = await headOf(orm);
  const attempts = await tidings.followAttempts();
  const cpuBefore = await meter.with(tidings.pid, 'tidings').read();
  const startedAt = performance.now();
  let published = 0;
  let delivered = 0;
  let isOver = false;

  async function follow(): Promise<void> {
    while (!isOver) {
      ({ count: delivered } = await attempts.read());
      await sleep(20);
    }
  }

  async function publishOn(): Promise<void> {
    while (performance.now() - startedAt < forMs) {
      if (published - delivered > mostWaiting) {
        await sleep(5);
        continue;
      }
      const types = Array.from({ length: eventsOfCall }, (_, index) => endpoints[index % endpointCount]!.type);
      published += eventsOfCall;
      await publish(tidings.url, types);
    }
  }

  const following = follow();
  await Promise.all(Array.from({ length: publishers }, publishOn));
  const deliveredInTime = delivered;
  isOver = true;
  await following;
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpuUs = costOf(cpuBefore, await meter.with(tidings.pid, 'tidings').read(), deliveredInTime);
  await untilAttempted(attempts, published);
  demandRight('Tidings', { endpoints, expected: await readExpected(orm, after), received: await receiver.take() });
  const rate = deliveredInTime / seconds;
  say(`sustained ${Math.round(rate)}/s for ${Math.round(seconds)} s, drain ${Math.round(before)}/s`);
  const again = await drainOnce(drained);
  const drainRate = (before + again) / 2;
  const ratio = rate / drainRate;
  return {
    lines: [
      {
        measure: `published by calls of ${eventsOfCall} and delivered at once, for ${forMs / 1_000} s`,
        measured: `${Math.round(rate).toLocaleString('en')}/s`,
        beside: `${Math.round(drainRate).toLocaleString('en')}/s (drain of ${drained.toLocaleString('en')} before and after)`,
        ratio,
        reach: `>= ${reach.toFixed(2)}`,
        reached: ratio >= reach,
      },
    ],
    notes: [
      `never more than ${mostWaiting + publishers * eventsOfCall} events published and not delivered`,
      `processor time an event, published and delivered: ${costOfAll({ deliveries: 1, seconds: 1, cpuUs }).toFixed(0)} µs`,
    ],
    details: { endpoints: endpointCount, published, seconds, rate, drains: [before, again], cpuUs },
  };
}
