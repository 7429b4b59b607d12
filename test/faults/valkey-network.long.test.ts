// A Valkey whose network fails: nobody outside can tell, but by how long an event takes.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultWorld, openFaultWorld, reportOn } from './fault-world.ts';

let world: FaultWorld;

beforeAll(async () => {
  world = await openFaultWorld({ valkeyUrl: inject('valkeyUrl') });
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => reportOn(world));

const away = 'Valkey cannot be used: events flow through Postgres until it can';
const back = 'Valkey answers: events flow through its stream';

/** Waits for the service to use Valkey again. */
async function isBack(): Promise<void> {
  await eventually(async () => (await world.ready()).status === 'ready', {
    saying: 'Valkey is used again',
  });
}

/** Publishes one event and says how long it took to arrive, in ms. */
async function oneEvent(): Promise<number> {
  const before = world.stage.receiver.of('endpoint-1').length;
  const begunAt = performance.now();
  await actAsAdmin(world.stage).publish('a.one');
  await eventually(() => world.stage.receiver.of('endpoint-1').length > before, { saying: 'the event' });
  return performance.now() - begunAt;
}

test('a way to Valkey that goes silent under a blocked read costs one event its speed, and is left for another', async () => {
  await oneEvent();
  const before = world.said(away);
  // Nothing is on its way but the read that waits for the next event.
  world.valkey.blackhole(true);
  expect(await oneEvent()).toBeLessThan(5_000);
  await eventually(() => world.said(away) > before);
  world.valkey.blackhole(false);
  // By connections of their own: those that stood are silent for ever.
  await isBack();
  expect(await oneEvent()).toBeLessThan(1_000);
  expect(await world.judge()).toEqual([]);
});

test('the same holds when it goes silent while events are appended', async () => {
  await world.underLoad(async () => {
    world.valkey.blackhole(true);
    await world.requests(200);
    world.valkey.blackhole(false);
  });
  await isBack();
  expect(await world.judge()).toEqual([]);
});

test('events whose XADD was done and whose answer was lost are delivered once', async () => {
  const loss = world.valkey.loseAnswers({ to: /xadd/i, times: 3 });
  await world.underLoad(async () => await eventually(() => loss.count > 0));
  loss.stop();
  await isBack();
  expect(await world.judge()).toEqual([]);
  expect(loss.count).toBeGreaterThan(0);
});

test('a Valkey that resets or drops its connections under load costs no event and no repeat', async () => {
  for (const how of ['reset', 'end', 'reset'] as const) {
    await world.underLoad(async () => world.valkey.cut(how), { batches: 8, size: 20 });
  }
  await isBack();
  expect(await world.judge()).toEqual([]);
});

test('a Valkey that answers late costs no event and no repeat, and a mutation does not wait for it', async () => {
  world.valkey.latencyMs = 300;
  const begunAt = performance.now();
  await actAsAdmin(world.stage).publish('a.one');
  expect(performance.now() - begunAt).toBeLessThan(300);
  await world.underLoad(async () => {}, { batches: 8, size: 20 });
  expect(await world.judge()).toEqual([]);
  world.valkey.latencyMs = 0;
});

test('while Valkey refuses connections everything goes on, degraded, and the log says so once', async () => {
  const before = { away: world.said(away), back: world.said(back) };
  await world.valkey.fall();
  await world.underLoad(async () => {}, { batches: 8, size: 20 });
  expect(await world.ready()).toMatchObject({ code: 200, status: 'degraded' });
  expect(await world.judge()).toEqual([]);
  await world.valkey.rise();
  await isBack();
  await eventually(() => world.said(back) > before.back);
  expect({ away: world.said(away), back: world.said(back) }).toEqual({ away: before.away + 1, back: before.back + 1 });
  await world.underLoad(async () => {}, { batches: 4, size: 20 });
  expect(await world.judge()).toEqual([]);
});
