// A Valkey that is there and refuses: full, read-only, loading, busy, locked, or unable to write. Everything goes on.

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

const isReady = async () => (await world.ready()).status === 'ready';
const awaitReady = () => eventually(isReady, { saying: 'Valkey is used again' });
const config = (name: string, value: string | number) => valkey.admin.config('SET', name, value);
const dropClients = () => valkey.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

/** As many as it ever took. */
const connections = async () => Number(/total_connections_received:(\d+)/.exec(await valkey.admin.info('stats'))?.[1]);

/** Publishes some events and judges all that ever came. */
async function goesOn(batches = 6): Promise<string[]> {
  await world.underLoad(async () => {}, { batches, size: 20 });
  return await world.judge();
}

test('full and without eviction (OOM): events flow through Postgres, and through Valkey again when it has room', async () => {
  // Less than it takes when it is empty.
  await config('maxmemory', '500kb');
  expect(await goesOn()).toEqual([]);
  expect(await world.ready()).toMatchObject({ code: 200, status: 'degraded', valkey: expect.stringContaining('OOM') });
  await config('maxmemory', 0);
  await awaitReady();
  expect(await goesOn(2)).toEqual([]);
});

test('full and with eviction: what it forgets is read from Postgres, and the log warns of the setting', async () => {
  await config('maxmemory-policy', 'allkeys-lru');
  await config('maxmemory', 2_500_000);
  await dropClients();
  await eventually(() => world.said('allkeys-lru') > 0, { saying: 'the warning' });
  await world.underLoad(async () => {
    // Somebody else fills it, so that the stream goes.
    for (let each = 0; each < 400; each += 1) await valkey.admin.set(`other:${each}`, 'x'.repeat(10_000));
  });
  expect(await world.judge()).toEqual([]);
  expect(Number(/evicted_keys:(\d+)/.exec(await valkey.admin.info('stats'))?.[1])).toBeGreaterThan(0);
  await config('maxmemory', 0);
  await config('maxmemory-policy', 'noeviction');
  await valkey.admin.flushall();
});

test('read-only (READONLY): a replica after a failover', async () => {
  // Of a primary that nobody will ever reach.
  await valkey.admin.replicaof('127.0.0.1', 1);
  expect(await goesOn()).toEqual([]);
  expect(await world.ready()).toMatchObject({ code: 200, valkey: expect.stringContaining('READONLY') });
  await valkey.admin.replicaof('NO', 'ONE');
  await awaitReady();
  expect(await goesOn(2)).toEqual([]);
});

test('with another password than before (NOAUTH): degraded, and no crash loop; with the old one it is used again', async () => {
  await config('requirepass', 'another');
  await dropClients();
  await eventually(async () => (await world.ready()).status === 'degraded');
  const before = { connections: await connections(), at: performance.now() };
  expect(await goesOn()).toEqual([]);
  const seconds = (performance.now() - before.at) / 1_000;
  // Three clients that wait a second between two tries, not a spin.
  expect((await connections()) - before.connections).toBeLessThan(20 * Math.max(1, seconds));
  expect(await world.ready()).toMatchObject({ code: 200, status: 'degraded' });
  await config('requirepass', '');
  await awaitReady();
  expect(await goesOn(2)).toEqual([]);
});

test('busy with somebody’s script (BUSY)', async () => {
  await config('busy-reply-threshold', 50);
  const script = valkey.admin.duplicate();
  script.on('error', () => {});
  await eventually(() => script.status === 'ready');
  const endless = script.eval('while true do end', 0).catch((error: unknown) => (error as Error).message);
  expect(await goesOn()).toEqual([]);
  await valkey.admin.script('KILL');
  expect(await endless).toMatch(/killed/i);
  script.disconnect();
  await awaitReady();
  expect(await goesOn(2)).toEqual([]);
});

test('on a full disk (MISCONF)', async () => {
  await valkey.kill();
  await valkey.start({ isFull: true });
  expect(await goesOn()).toEqual([]);
  await eventually(async () => (await valkey.admin.info('persistence')).includes('aof_last_write_status:err'), {
    saying: 'a write that the disk refused',
  });
  await eventually(async () => (await world.ready()).valkey?.includes('MISCONF'), { saying: 'MISCONF' });
  await valkey.kill();
  await valkey.start();
  await awaitReady();
  expect(await goesOn(2)).toEqual([]);
});

test('while it loads a large file (LOADING)', async () => {
  await valkey.admin.eval(`for i = 1, 200000 do redis.call('set', 'k' .. i, 'v') end`, 0);
  await valkey.kill();
  await valkey.start({
    config: ['key-load-delay 500', 'loading-process-events-interval-bytes 1024'],
    awaitReady: false,
  });
  await eventually(async () => /\bloading:1/.test(await valkey.admin.info('persistence')), { saying: 'LOADING' });
  expect(await goesOn()).toEqual([]);
  expect(await valkey.admin.info('persistence')).toMatch(/\bloading:1/);
  expect(await world.ready()).toMatchObject({ code: 200, status: 'degraded' });
  await config('key-load-delay', 0);
  await awaitReady();
  expect(await goesOn(2)).toEqual([]);
});
