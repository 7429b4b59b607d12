import { expect, test } from 'vitest';
import { createLeases } from '../../src/cluster/leases.ts';
import { relayLease, shardCount } from '../../src/policy/shards.ts';
import { type LeaseTable, createLeaseTable } from './lease-table.ts';

const ttlMs = 3_000;

/** An instance on a table, whose clock is what the test says; `beat` takes what it wants and gives back what it must. */
function start(table: LeaseTable, id: string) {
  const leases = createLeases({ instance: id, ttlMs });
  const aside = { wanted: false };
  return {
    ...leases,
    aside,
    /** A heartbeat that is asked and answered at these times. */
    answerAt(askedAt: number, now = askedAt) {
      const asked = leases.held();
      const answer = table.heartbeat(id, { renew: asked, aside: aside.wanted });
      return leases.onHeartbeat({ asked, ...answer }, { askedAt, now, aside: aside.wanted });
    },
    heartbeat(at: number) {
      const changes = this.answerAt(at);
      leases.take(table.take(id, changes.wanted), at);
      for (const index of changes.excess) {
        const epoch = leases.epochOf(index)!;
        leases.release(index);
        leases.drop(index);
        table.release(id, { index, epoch });
      }
      return changes;
    },
    shards: () =>
      leases
        .held()
        .map(({ index }) => index)
        .filter((index) => index !== relayLease),
  };
}

/** A table on which `owner` has everything. */
function startOwned() {
  const table = createLeaseTable();
  const owner = start(table, 'owner');
  owner.heartbeat(0);
  return { table, owner };
}

test('a lone instance takes all free leases at once, each in a new epoch', () => {
  const { table, owner } = startOwned();
  expect(owner.held()).toHaveLength(shardCount + 1);
  expect(new Set(owner.held().map(({ epoch }) => epoch))).toEqual(new Set([1]));
  table.rows[7] = { ...table.rows[7]!, epoch: 40, owner: null };
  owner.answerAt(100);
  const other = start(table, 'other');
  table.instances.clear();
  other.heartbeat(0);
  expect(other.held().find(({ index }) => index === 7)).toEqual({ index: 7, epoch: 41 });
});

test('a challenger takes an owned lease only after it saw no renewal for a whole time to live', () => {
  const { table, owner } = startOwned();
  const other = start(table, 'other');
  for (const at of [0, 1_000, 2_000, 2_999]) expect(other.answerAt(at).wanted).toEqual([]);
  expect(other.answerAt(3_000).wanted).toHaveLength(shardCount + 1);
  owner.answerAt(3_001);
  // Alive again: its heartbeat is another one.
  for (const at of [3_002, 4_000, 5_000, 6_001]) expect(other.answerAt(at).wanted).toEqual([]);
  expect(other.answerAt(6_002).wanted).toHaveLength(shardCount + 1);
});

test('a challenger counts from the moment of the answer, however long the answer took', () => {
  const { table } = startOwned();
  const other = start(table, 'other');
  other.answerAt(0, 2_000);
  expect(other.answerAt(3_500).wanted).toEqual([]);
  expect(other.answerAt(4_999).wanted).toEqual([]);
  expect(other.answerAt(5_000).wanted).toHaveLength(shardCount + 1);
});

test('after a failed heartbeat or a suspend a challenger counts anew: the owner could not renew then, either', () => {
  const { table } = startOwned();
  const other = start(table, 'other');
  for (const at of [0, 1_000, 2_000]) other.answerAt(at);
  other.doubt();
  for (const at of [3_000, 4_000, 5_999]) expect(other.answerAt(at).wanted).toEqual([]);
  expect(other.answerAt(6_000).wanted).toHaveLength(shardCount + 1);
});

test('after a time to live without an answer a challenger counts anew, though no failed heartbeat was reported', () => {
  const { table } = startOwned();
  const other = start(table, 'other');
  other.answerAt(0);
  expect(other.answerAt(10_000).wanted).toEqual([]);
  expect(other.answerAt(12_999).wanted).toEqual([]);
  expect(other.answerAt(13_000).wanted).toHaveLength(shardCount + 1);
});

test('an owner trusts a lease for 0.9 of the time to live, counted from its question and not from the answer', () => {
  const { owner } = startOwned();
  const lease = { index: 5, epoch: 1 };
  expect([0, 2_699, 2_700].map((at) => owner.trusts(lease, at))).toEqual([true, true, false]);
  owner.answerAt(1_000, 3_500);
  expect(owner.until(5)).toBe(3_700);
  expect([3_699, 3_700].map((at) => owner.trusts(lease, at))).toEqual([true, false]);
});

test('a taken lease is trusted from the moment the taking was asked for', () => {
  const leases = createLeases({ instance: 'me', ttlMs });
  leases.take([{ index: 3, epoch: 9 }], 10_000);
  expect(leases.until(3)).toBe(12_700);
  expect(leases.trusts({ index: 3, epoch: 9 }, 12_699)).toBe(true);
});

test('an owner trusts no lease under another epoch, and none that it does not have', () => {
  const { owner } = startOwned();
  expect(owner.trusts({ index: 5, epoch: 0 }, 1)).toBe(false);
  expect(owner.trusts({ index: 5, epoch: 2 }, 1)).toBe(false);
  owner.drop(5);
  expect(owner.trusts({ index: 5, epoch: 1 }, 1)).toBe(false);
  expect(owner.until(5)).toBe(-Infinity);
});

test('after a possible suspend an owner trusts no lease until the next renewal, and loses none by it', () => {
  const { owner } = startOwned();
  owner.doubt();
  expect(owner.trusts({ index: 5, epoch: 1 }, 1)).toBe(false);
  expect(owner.held()).toHaveLength(shardCount + 1);
  owner.answerAt(100);
  expect(owner.trusts({ index: 5, epoch: 1 }, 101)).toBe(true);
});

test('a lease that was not renewed is lost, unless it was given back or taken meanwhile', () => {
  const { table, owner } = startOwned();
  const asked = owner.held();
  table.rows[3] = { ...table.rows[3]!, owner: 'other', epoch: 2 };
  table.rows[4] = { ...table.rows[4]!, owner: 'other', epoch: 2 };
  const answer = table.heartbeat('owner', { renew: asked });
  // While the answer is under way.
  owner.drop(4);
  owner.drop(5);
  owner.take([{ index: 5, epoch: 7 }], 50);
  const { lost } = owner.onHeartbeat({ asked, ...answer }, { askedAt: 0, now: 100, aside: false });
  expect(lost).toEqual([3]);
  expect(owner.epochOf(3)).toBeUndefined();
  expect(owner.epochOf(5)).toBe(7);
  expect(owner.until(5)).toBe(2_750);
});

test('two instances come to half of the shards each, one has the relay, and no lease changes its owner after that', () => {
  const table = createLeaseTable();
  const [one, two] = [start(table, 'one'), start(table, 'two')];
  for (let at = 0; at < 9_000; at += 1_000) {
    one.heartbeat(at);
    two.heartbeat(at + 500);
  }
  expect([one.shards().length, two.shards().length]).toEqual([32, 32]);
  expect([...one.shards(), ...two.shards()].toSorted((a, b) => a - b)).toEqual([...Array(shardCount).keys()]);
  expect([one, two].filter((leases) => leases.epochOf(relayLease) !== undefined)).toHaveLength(1);
  const before = table.rows.map(({ owner, epoch }) => ({ owner, epoch }));
  for (let at = 9_000; at < 19_000; at += 1_000) {
    expect(one.heartbeat(at)).toEqual({ lost: [], wanted: [], excess: [] });
    expect(two.heartbeat(at + 500)).toEqual({ lost: [], wanted: [], excess: [] });
  }
  expect(table.rows.map(({ owner, epoch }) => ({ owner, epoch }))).toEqual(before);
});

test.each([3, 5, 7, 64, 70])('each of %d instances comes to at most its fair share, and no shard is left', (count) => {
  const table = createLeaseTable();
  const all = Array.from({ length: count }, (_, n) => start(table, `instance-${n}`));
  for (let at = 0; at < 15_000; at += 1_000) all.forEach((leases, n) => leases.heartbeat(at + n));
  expect(Math.max(...all.map((leases) => leases.shards().length))).toBeLessThanOrEqual(Math.ceil(shardCount / count));
  expect(all.flatMap((leases) => leases.shards()).toSorted((a, b) => a - b)).toEqual([...Array(shardCount).keys()]);
});

test('an instance that dies counts until a time to live after its last heartbeat, and then the others take its share', () => {
  const table = createLeaseTable();
  const [one, two] = [start(table, 'one'), start(table, 'two')];
  for (let at = 0; at < 6_000; at += 1_000) {
    one.heartbeat(at);
    two.heartbeat(at + 500);
  }
  for (let at = 6_000; at < 8_500; at += 1_000) expect(one.heartbeat(at).wanted).toEqual([]);
  // The last heartbeat of the other was seen at 6,000.
  one.heartbeat(9_000);
  expect(one.shards()).toHaveLength(shardCount);
  expect(one.epochOf(relayLease)).toBeDefined();
});

test('an instance that stands aside wants no lease, gives back all with the relay’s, and counts for nobody’s share', () => {
  const table = createLeaseTable();
  const [one, two] = [start(table, 'one'), start(table, 'two')];
  one.heartbeat(0);
  one.aside.wanted = true;
  const { excess, wanted } = one.heartbeat(1_000);
  expect(wanted).toEqual([]);
  expect(excess.toSorted((a, b) => a - b)).toEqual([...Array(shardCount + 1).keys()]);
  two.heartbeat(1_500);
  expect(two.held()).toHaveLength(shardCount + 1);
  expect(one.heartbeat(2_000)).toEqual({ lost: [], wanted: [], excess: [] });
  expect(two.heartbeat(2_500).excess).toEqual([]);
});

test('a lease that is being given back is renewed, is not given back twice, and leaves no room for more', () => {
  const { table, owner } = startOwned();
  start(table, 'other').answerAt(0);
  const { excess } = owner.answerAt(1_000);
  expect(excess).toHaveLength(32);
  for (const lease of excess) owner.release(lease);
  expect(owner.held()).toHaveLength(shardCount + 1);
  expect(owner.answerAt(2_000)).toEqual({ lost: [], wanted: [], excess: [] });
  expect(owner.until(excess[0]!)).toBe(2_000 + 2_700);
  expect(owner.isReleasing(excess[0]!)).toBe(true);
});

test('challengers that come at once want different leases', () => {
  const table = createLeaseTable();
  const all = ['one', 'two', 'three'].map((id) => start(table, id));
  for (const leases of all) leases.answerAt(0);
  const wanted = all.map((leases) => new Set(leases.answerAt(500).wanted.map(({ lease }) => lease)));
  for (const some of wanted) expect(some.size).toBe(22 + 1);
  const everything = new Set(wanted.flatMap((some) => [...some]));
  // Chance alone leaves a third of them out of one choice, so about 45 of 64 are in one of three.
  expect(everything.size).toBeGreaterThan(35);
});

test('an instance counts as dead after four times to live without a heartbeat, and never to itself', () => {
  const table = createLeaseTable();
  const [me, other] = [start(table, 'me'), start(table, 'other')];
  other.answerAt(0);
  for (let at = 0; at <= 11_000; at += 1_000) {
    me.answerAt(at);
    expect(me.dead([...table.instances.values()], at)).toEqual([]);
  }
  me.answerAt(12_000);
  expect(me.dead([...table.instances.values()], 12_000)).toEqual([{ id: 'other', beat: 1, standsAside: false }]);
});

test('a dead instance does not count again after a missed heartbeat: no lease is given back that nobody takes', () => {
  const table = createLeaseTable();
  const [me, other] = [start(table, 'me'), start(table, 'other')];
  other.answerAt(0);
  for (let at = 0; at <= 9_000; at += 1_000) me.heartbeat(at);
  expect(me.held()).toHaveLength(65);
  me.doubt();
  expect(me.answerAt(10_000).excess).toEqual([]);
});
