import { expect, test } from 'vitest';
import { relayLease, shardCount, shardOf } from '../../src/policy/shards.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveInstance, ttlMs } from './hand-driven-instance.ts';
import { emptyCursor } from '../dispatch/made-up-actors.ts';

const crm = makeEndpoint({ id: 'crm' });
const shard = shardOf('crm');
/** Another endpoint of its shard. */
const twin = makeEndpoint({
  id: Array.from({ length: 9_999 }, (_, n) => `e${n}`).find((id) => shardOf(id) === shard)!,
});

/** An instance that serves everything, and has a turn of `crm` out and another event waiting. */
function startBusy() {
  const world = driveInstance(crm);
  world.pass(100);
  for (const type of ['order.paid', 'order.sent']) {
    world.publish(type);
    world.pass(100);
  }
  return world;
}

/** Lets `other` live on beside it for a while, as an instance that takes nothing. */
function liveOn({ pass, database }: ReturnType<typeof startBusy>, forMs: number): void {
  for (let passed = 0; passed < forMs; passed += 500) {
    database.table.heartbeat('other', { renew: [] });
    pass(500);
  }
}

test('an endpoint is served under its shard’s lease once that is taken, and the threads trust the lease', () => {
  const { out, trusts, instance } = startBusy();
  expect(instance.held()).toHaveLength(shardCount + 1);
  expect(out.map(({ turn }) => turn.lease)).toEqual([{ index: shard, epoch: 1 }]);
  expect(trusts({ index: shard, epoch: 1 })).toBe(true);
});

test('disabled endpoints are not served', () => {
  const world = driveInstance(makeEndpoint({ id: 'off', enabled: false }), crm);
  world.pass(100);
  expect([...world.instance.dispatcher.actors()].map(({ endpoint }) => endpoint.id)).toEqual(['crm']);
});

test('trust in a lease ends by itself while heartbeats fail, and returns with the next one that succeeds', () => {
  const world = startBusy();
  world.database.isAway = true;
  world.pass(0.9 * ttlMs);
  expect(world.trusts({ index: shard, epoch: 1 })).toBe(false);
  world.deliver('crm');
  world.pass(5_000);
  expect(world.out).toEqual([]);
  world.database.isAway = false;
  world.pass(1_100);
  expect(world.trusts({ index: shard, epoch: 1 })).toBe(true);
  expect(world.out.map(({ turn }) => turn.events[0]!.position)).toEqual([2]);
});

test('a lease that another instance took stops its turns at once, and what they settle is not counted here', () => {
  const world = startBusy();
  world.database.table.rows[shard] = { lease: shard, epoch: 2, beat: 9, owner: 'other' };
  world.pass(1_100);
  expect(world.interrupted).toEqual([world.out[0]!.turn.slot]);
  expect(world.seen.lost).toEqual([shard]);
  expect(world.trusts({ index: shard, epoch: 1 })).toBe(false);
  expect(world.actor('crm')).toBeUndefined();
  world.deliver('crm');
  world.pass(1_000);
  expect(world.out).toEqual([]);
  expect(world.seen.changes).not.toContain('write crm at 1');
});

test('under a lease that is taken again no turn begins before the last turn of its former epoch has ended', () => {
  const world = startBusy();
  world.database.table.rows[shard] = { lease: shard, epoch: 2, beat: 9, owner: 'other' };
  world.pass(1_100);
  world.database.table.rows[shard] = { lease: shard, epoch: 2, beat: 10, owner: null };
  world.pass(2_000);
  expect(world.actor('crm')!.lease).toEqual({ index: shard, epoch: 3 });
  expect(world.out.map(({ turn }) => turn.lease.epoch)).toEqual([1]);
  world.deliver('crm');
  world.pass(100);
  expect(world.out.map(({ turn }) => turn.lease.epoch)).toEqual([3]);
});

test('a lease is given back after its last request ended and its cursor is written, and no turn begins meanwhile', () => {
  const world = startBusy();
  world.seen.changes.length = 0;
  world.put(1, { standsAside: 'a secret is missing' });
  world.pass(5_000);
  // All others at once.
  expect(world.seen.changes.filter((change) => change.startsWith('release'))).toHaveLength(shardCount);
  expect(world.instance.held()).toEqual([{ index: shard, epoch: 1 }]);
  expect(world.trusts({ index: shard, epoch: 1 })).toBe(true);
  world.seen.changes.length = 0;
  world.holding.add('cursors');
  world.out[0]!.end({ settled: 1, failure: null });
  world.publish('order.paid');
  world.pass(5_000);
  expect({ out: world.out, changes: world.seen.changes }).toEqual({ out: [], changes: [] });
  expect(world.instance.held()).toEqual([{ index: shard, epoch: 1 }]);
  world.answer('cursors');
  world.pass(10);
  expect(world.seen.changes).toEqual(['write crm at 1', `release ${shard}`]);
  expect(world.trusts({ index: shard, epoch: 1 })).toBe(false);
  expect([world.instance.held(), world.actor('crm')]).toEqual([[], undefined]);
});

test('an endpoint that is added to a shard while that is given back begins no turn', () => {
  const world = startBusy();
  // All others are others': just this one is to be had, and more than its share.
  for (let n = 0; n < shardCount; n += 1) world.database.table.heartbeat(`other-${n}`, { renew: [] });
  world.pass(1_100);
  expect(world.interrupted).toEqual([world.out[0]!.turn.slot]);
  world.put(2, { endpoints: [crm, twin] });
  world.pass(100);
  world.publish('order.paid');
  world.pass(100);
  expect(world.out.map(({ turn }) => turn.endpoint.id)).toEqual(['crm']);
});

test('a lease is not given back while a turn of a removed endpoint runs', () => {
  const world = startBusy();
  world.put(2, { endpoints: [] });
  world.put(3, { standsAside: 'a secret is missing' });
  world.pass(1_000);
  expect(world.instance.held()).toEqual([{ index: shard, epoch: 1 }]);
  world.deliver('crm');
  world.pass(10);
  expect(world.instance.held()).toEqual([]);
});

test('a lease is given back as soon as the last write of a cursor has failed', () => {
  const world = startBusy();
  world.holding.add('cursors');
  world.put(1, { standsAside: 'a secret is missing' });
  world.deliver('crm');
  world.pass(100);
  world.database.isAway = true;
  world.answer('cursors');
  world.database.isAway = false;
  world.pass(100);
  expect(world.instance.held()).toEqual([]);
});

test('an instance gives back what is more than its fair share when another instance lives', () => {
  const world = startBusy();
  liveOn(world, 2_000);
  const others = world.instance.held().filter(({ index }) => index !== relayLease);
  expect(others.length).toBeLessThanOrEqual(shardCount / 2 + 1);
  expect(world.instance.held().map(({ index }) => index)).toContain(relayLease);
});

test('a lease that is lost while it is given back is not freed, and its cursors are not written', () => {
  const world = startBusy();
  world.put(1, { standsAside: 'a secret is missing' });
  world.database.table.rows[shard] = { lease: shard, epoch: 2, beat: 9, owner: 'other' };
  world.pass(2_000);
  world.seen.changes.length = 0;
  world.deliver('crm');
  world.pass(2_000);
  expect(world.seen.changes).toEqual([]);
  expect(world.database.table.rows[shard]).toMatchObject({ owner: 'other', epoch: 2 });
});

test('in a new log epoch no cursor of the one before is written, even under a lease that is being given back', () => {
  const world = startBusy();
  world.put(1, { standsAside: 'a secret is missing' });
  world.pass(100);
  world.database.epoch = 'second';
  world.database.head = 1_000;
  world.pass(1_100);
  world.seen.changes.length = 0;
  world.deliver('crm');
  world.pass(100);
  expect(world.seen.changes).toEqual([`release ${shard}`]);
});

test('in a new log epoch no turn begins under a lease that is being given back', () => {
  const world = driveInstance(crm, { ...twin, events: ['twin.*'] });
  world.pass(100);
  world.publish('order.paid');
  world.pass(100);
  world.put(1, { standsAside: 'a secret is missing' });
  world.database.epoch = 'second';
  world.database.head = 1_000;
  world.database.cursors.set(twin.id, { ...emptyCursor, position: 1_000 });
  world.pass(1_100);
  world.publish('twin.born');
  world.pass(1_100);
  expect(world.out.map(({ turn }) => turn.endpoint.id)).toEqual(['crm']);
});

test('the relay leads under its trusted lease, stands by without it, and rests while heartbeats fail', () => {
  const world = startBusy();
  expect(world.seen.relay).toBe('leads');
  world.database.isAway = true;
  world.pass(1_100);
  expect(world.seen.relay).toBe('rests');
  world.database.isAway = false;
  world.pass(1_100);
  expect(world.seen.relay).toBe('leads');
  world.database.table.rows[relayLease] = { lease: relayLease, epoch: 2, beat: 9, owner: 'other' };
  world.pass(1_100);
  expect(world.seen.relay).toBe('stands by');
});

test('draining ends only once every lease is given back, even one that was just being taken', () => {
  const world = driveInstance(crm);
  world.holding.add('take');
  world.holding.add('release');
  world.pass(100);
  let left = false;
  world.instance.drain(() => (left = true));
  world.pass(100);
  expect(left).toBe(false);
  world.answer('take');
  world.pass(100);
  expect(world.out).toEqual([]);
  expect(left).toBe(false);
  while (world.held.length > 0) world.answer('release');
  expect(left).toBe(true);
  expect(world.database.table.rows.filter(({ owner }) => owner !== null)).toEqual([]);
});

test('draining waits for the last request, and frees each shard without one before that', () => {
  const world = startBusy();
  let left = false;
  world.instance.drain(() => (left = true));
  expect(world.seen.relay).toBe('stands by');
  world.pass(100);
  expect(world.database.table.rows.filter(({ owner }) => owner !== null).map(({ lease }) => lease)).toEqual([shard]);
  expect(world.seen.relay).toBe('stands by');
  expect(left).toBe(false);
  world.deliver('crm');
  world.pass(100);
  expect(left).toBe(true);
  expect(world.seen.changes.slice(-2)).toEqual(['write crm at 1', `release ${shard}`]);
  world.pass(60_000);
  expect(world.database.table.rows.filter(({ owner }) => owner !== null)).toEqual([]);
});

test('draining ends while Postgres is away, too', () => {
  const world = startBusy();
  world.database.isAway = true;
  let left = false;
  world.instance.drain(() => (left = true));
  world.deliver('crm');
  world.pass(100);
  expect(left).toBe(true);
});
