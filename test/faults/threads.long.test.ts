// Delivery threads that throw, run out of memory or stall amid a request: that event pays for it, and nobody else.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { overlapping } from '../support/receiver/overlaps.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { born, stallMs } from './thread-faults.ts';

const preload = new URL('thread-faults.ts', import.meta.url).href;
const threads = 2;
const others = Array.from({ length: 5 }, (_, index) => `healthy-${index + 1}`);
const deadly = ['late-throw', 'rejection', 'memory'];
const harmOf = (kind: string) => `harm.${kind.replace('-', '_')}`;
/** Threads that begin anew take a while where many tests run. */
let stage: Stage;

beforeAll(async () => {
  // The heap of each thread, so that one is out of memory soon.
  const options = `--import=${preload} --max-old-space-size=128`;
  stage = await openStage({ environment: { DELIVERY_THREADS: String(threads), NODE_OPTIONS: options } });
  await stage.place.configure([
    ...others.map((id) => stage.endpoint(id, { events: ['a.*', 'harm.*'], base_delay: '10ms' })),
    ...deadly.map((id) => stage.endpoint(id, { events: [harmOf(id)], base_delay: '10ms', max_retries: 0 })),
    stage.endpoint('stall', { events: ['stall.*'], timeout: '500ms' }),
  ]);
  for (const id of deadly) stage.receiver.behave(id, () => new Promise(() => {}));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

const published: string[] = [];
async function publish(...types: string[]): Promise<string> {
  const ids = await actAsAdmin(stage).publish(...types);
  published.push(...ids);
  return ids[0]!;
}

/** Everybody else has got everything; whoever shared the thread may have got again what was on the wire. */
async function othersLostNothing(): Promise<void> {
  for (const id of others) {
    await eventually(() => stage.receiver.accepted(id) === published.length, {
      saying: `all events at ${id}`,
    });
    expect([...new Set(stage.receiver.of(id).map(({ eventId }) => eventId))]).toEqual(published);
    expect(overlapping(stage.receiver.of(id))).toEqual([]);
    expect(stage.receiver.of(id).every(({ signed }) => signed)).toBe(true);
  }
}

test.each(deadly)('%s: its event spends an attempt as worker lost, and others lose nothing', async (kind) => {
  for (let round = 0; round < 5; round += 1) await publish('a.one', 'a.two', 'a.three');
  const poison = await publish(harmOf(kind));
  for (let round = 0; round < 5; round += 1) await publish('a.four', 'a.five', 'a.six');
  const rows = await eventually(async () => {
    const found = await stage.attempts(kind);
    return found.length === 1 ? found : null;
  });
  expect(rows.map(({ eventId, attempt, status }) => [eventId, attempt, status])).toEqual([[poison, 1, 'failed']]);
  expect(rows.every(({ error }) => error?.startsWith('worker lost: '))).toBe(true);
  await othersLostNothing();
});

test('after all these deaths there are as many threads as before', async () => {
  for (let round = 0; round < 3; round += 1) await publish('a.one', 'a.two');
  await othersLostNothing();
  expect(stage.service().lines.filter(({ msg }) => msg === born)).toHaveLength(threads + deadly.length);
});

test('a stalled thread fails nothing by its own delay: an answer that came meanwhile counts', async () => {
  const begunAt = performance.now();
  await actAsAdmin(stage).publish('stall.one');
  const [row] = await eventually(async () => {
    const found = await stage.attempts('stall');
    return found.length > 0 ? found : null;
  });
  expect(performance.now() - begunAt).toBeGreaterThan(stallMs);
  expect(row).toMatchObject({ status: 'delivered', attempt: 1 });
  await publish('a.last');
  await othersLostNothing();
});
