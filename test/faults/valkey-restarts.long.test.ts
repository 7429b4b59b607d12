// A Valkey that dies under load and comes back with what it had, with less, or with nothing: Postgres is the truth.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type ValkeyServer, openValkeyServer } from '../support/valkey-server.ts';
import { type FaultWorld, openFaultWorld, reportOn } from './fault-world.ts';

let valkey: ValkeyServer;
let world: FaultWorld;

beforeAll(async () => {
  valkey = await openValkeyServer();
  world = await openFaultWorld({ valkeyUrl: valkey.url });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await valkey[Symbol.asyncDispose]();
});
beforeEach(() => reportOn(world));

/** Kills it under load, lets it lie for some events, and starts it again on what `change` left of its data. */
async function comesBack(change: () => Promise<void>, config: readonly string[] = []): Promise<string[]> {
  await world.underLoad(async () => {
    await valkey.kill();
    await change();
    await world.requests(200);
    await valkey.start({ config });
    await eventually(async () => (await world.ready()).status === 'ready', {
      saying: 'Valkey is used again',
    });
    await world.requests(100);
  });
  return await world.judge();
}

const keys = () => valkey.admin.keys('tidings:*:events');

test('killed, and back with what it had written: no event is lost and none comes twice', async () => {
  expect(await comesBack(async () => {})).toEqual([]);
  expect(await keys()).toHaveLength(1);
});

test('killed, and back without the end of its append-only file, in the middle of an entry', async () => {
  expect(await comesBack(() => valkey.loseTail(60_007))).toEqual([]);
});

test('killed, and back with nothing', async () => {
  expect(await comesBack(valkey.lose)).toEqual([]);
  // What came since may have been numbered before Valkey was back.
  await world.underLoad(async () => {}, { batches: 1, size: 20 });
  expect(await world.judge()).toEqual([]);
  expect(await keys()).toHaveLength(1);
});

test('killed, and back as one that keeps nothing', async () => {
  expect(await comesBack(async () => {}, ['appendonly no'])).toEqual([]);
});

test('wiped while the service waits for the next event, which arrives like any other', async () => {
  await eventually(async () => /blocked_clients:1/.test(await valkey.admin.info('clients')));
  await valkey.admin.flushall();
  const published = await world.underLoad(async () => {}, { batches: 3, size: 20 });
  expect(await world.judge()).toEqual([]);
  // Of each batch as many events as its index has.
  const batches = await valkey.admin.xrange((await keys())[0]!, '-', '+');
  const counts = batches.map(
    ([, [, batch = '']]) => (JSON.parse(/\[.*$/m.exec(batch)![0]) as [number, unknown[]])[1].length,
  );
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(published);
});
