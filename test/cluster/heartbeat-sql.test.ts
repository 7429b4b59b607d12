import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLeaseRows, freeLeases } from '../../src/cluster/heartbeat-sql.ts';
import type { HeartbeatAnswer, HeartbeatQuestion } from '../../src/cluster/instance-ports.ts';
import type { LeaseRow } from '../../src/cluster/leases.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type Lease, leaseCount, relayLease, shardCount } from '../../src/policy/shards.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { clearTables, serverOf, storeGap, storeLog } from '../cursors/stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 6, name: 'beats-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await clearTables(orm);
  await freeLeases(orm);
});

const all = Array.from({ length: leaseCount }, (_, lease) => lease);

function start(name = 'an instance') {
  const id = randomUUID();
  const { heartbeat, ...rest } = createLeaseRows(orm, {
    id,
    name,
    version: '1.2.3',
    whyAside: () => 'a secret is missing',
  });
  const ask = (given: Partial<HeartbeatQuestion> = {}): Promise<HeartbeatAnswer> =>
    heartbeat({ renew: [], known: null, aside: false, forget: [], ...given });
  return { id, ask, ...rest, takeAll: async () => await rest.take((await ask()).leases) };
}

const byIndex = (leases: readonly Lease[]) => leases.map(({ index }) => index).toSorted((a, b) => a - b);
const rowOf = async (lease: number): Promise<LeaseRow> => {
  const { leases } = await start().ask();
  return leases.find((row) => row.lease === lease)!;
};

/** Waits until somebody waits for a lock in this test's database. */
const someoneWaits = () =>
  eventually(async () => {
    const [{ count }] = await orm.em
      .fork()
      .execute<[{ count: number }]>(
        `select count(*)::int as count from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()`,
      );
    return count > 0;
  });

test('a heartbeat reads the log’s head, epoch and gaps, every lease, and the control version of every shard', async () => {
  const [, second, third] = await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  await orm.em.fork().execute('update webhook_controls set version = 7 where shard = 5');
  await orm.em.fork().execute(`update webhook_log_head set epoch = 'e', configuration = 4`);
  const answer = await start().ask({ known: { position: 2, id: 'whatever' } });
  expect(answer).toMatchObject({
    renewed: [],
    head: 3,
    headId: third!.id,
    epoch: 'e',
    gaps: [],
    idAtKnown: second!.id,
    configuration: 4,
    server: await serverOf(orm),
  });
  expect(answer.leases.map(({ lease }) => lease).toSorted((a, b) => a - b)).toEqual(all);
  expect(answer.leases.every(({ owner }) => owner === null)).toBe(true);
  expect(answer.controls).toEqual(Array.from({ length: shardCount }, (_, shard) => (shard === 5 ? 7 : 0)));
});

test('a heartbeat reads no event where the log has none: at a head in a gap, and above the log’s end', async () => {
  await storeLog(orm, ['a.a']);
  await storeGap(orm, 2, 1_000);
  const answer = await start().ask({ known: { position: 5_000, id: 'ghost' } });
  expect(answer).toMatchObject({ head: 1_000, headId: null, idAtKnown: null, gaps: [{ first: 2, last: 1_000 }] });
});

async function whys(): Promise<(string | null)[]> {
  const rows = await orm.em
    .fork()
    .execute<{ why: string | null }[]>(
      `select stands_aside as why from webhook_instances order by stands_aside is null`,
    );
  return rows.map(({ why }) => why);
}

test('instances see each other’s heartbeats and who stands aside, and no instance that has left', async () => {
  const [me, other] = [start(), start()];
  await other.ask();
  await other.ask({ aside: true });
  const row = { id: other.id, beat: 2, standsAside: true };
  expect((await me.ask()).instances).toEqual([row]);
  expect((await me.ask()).instances).toContainEqual(row);
  expect(await whys()).toEqual(['a secret is missing', null]);
  await other.ask();
  expect(await whys()).toEqual([null, null]);
  await other.removeInstance();
  expect((await me.ask()).instances.map(({ id }) => id)).toEqual([me.id]);
});

test('the row of a dead instance is removed, and that of one with a later heartbeat is kept', async () => {
  const [me, dead, alive] = [start(), start(), start()];
  for (const { ask } of [dead, alive]) await ask();
  const forget = [dead, alive].map(({ id }) => ({ id, beat: 1, standsAside: false }));
  await alive.ask();
  await me.ask({ forget });
  expect((await me.ask()).instances.map(({ id }) => id).toSorted()).toEqual([me.id, alive.id].toSorted());
});

test('a lease is renewed under its owner and epoch, and under no other', async () => {
  const [me, other] = [start(), start()];
  const taken = await me.takeAll();
  expect(byIndex(taken)).toEqual(all);
  const before = await rowOf(3);
  expect(before).toMatchObject({ owner: me.id, epoch: taken.find(({ index }) => index === 3)!.epoch });
  const { epoch } = before;
  for (const wrong of [epoch - 1, epoch + 1]) {
    expect((await me.ask({ renew: [{ index: 3, epoch: wrong }] })).renewed).toEqual([]);
  }
  expect((await other.ask({ renew: [{ index: 3, epoch }] })).renewed).toEqual([]);
  expect(await rowOf(3)).toEqual(before);
  expect((await me.ask({ renew: [{ index: 3, epoch }] })).renewed).toEqual([3]);
  expect(await rowOf(3)).toEqual({ ...before, beat: before.beat + 1 });
});

test('a lease that was renewed, taken or given back since it was seen is not taken', async () => {
  const [me, other] = [start(), start()];
  const seen = (await me.ask()).leases;
  await other.takeAll();
  expect(await me.take(seen)).toEqual([]);
  const [lease] = (await me.ask()).leases;
  await other.ask({ renew: [{ index: lease!.lease, epoch: lease!.epoch }] });
  expect(await me.take([lease!])).toEqual([]);
  const renewed = await rowOf(lease!.lease);
  await other.release({ index: renewed.lease, epoch: renewed.epoch });
  expect(await me.take([renewed])).toEqual([]);
  const free = await rowOf(renewed.lease);
  expect(free.owner).toBeNull();
  expect(await me.take([free])).toEqual([{ index: free.lease, epoch: free.epoch + 1 }]);
});

test('when several instances take at once, one of them gets each lease, in an epoch of its own', async () => {
  const takers = [start(), start(), start()];
  for (let round = 0; round < 20; round += 1) {
    await freeLeases(orm);
    const { leases } = await takers[0]!.ask();
    const taken = await Promise.all(takers.map(({ take }) => take(leases)));
    expect(byIndex(taken.flat())).toEqual(all);
    const now = (await takers[0]!.ask()).leases;
    taken.forEach((some, index) => {
      for (const { index: lease, epoch } of some) {
        const row = now.find((one) => one.lease === lease);
        expect(row).toMatchObject({ owner: takers[index]!.id, epoch });
        expect(epoch).toBe(leases.find((one) => one.lease === lease)!.epoch + 1);
      }
    });
  }
});

test('when a renewal and a taking of a lease meet, one succeeds, never both', async () => {
  const [owner, other] = [start(), start()];
  for (let round = 0; round < 20; round += 1) {
    await freeLeases(orm);
    const renew = await owner.takeAll();
    const { leases } = await other.ask();
    const [answer, taken] = await Promise.all([owner.ask({ renew }), other.take(leases)]);
    expect([...answer.renewed, ...taken.map(({ index }) => index)].toSorted((a, b) => a - b)).toEqual(all);
  }
});

test('a renewal that waits for a taking which is then committed does not renew', async () => {
  const [owner, other] = [start(), start()];
  const held = await owner.takeAll();
  const em = orm.em.fork();
  await em.begin();
  await em.execute('update webhook_leases set owner = ?, epoch = epoch + 1, beat = beat + 1 where lease = 3', [
    other.id,
  ]);
  const beat = owner.ask({ renew: held });
  await someoneWaits();
  await em.commit();
  expect((await beat).renewed.toSorted((a, b) => a - b)).toEqual(all.filter((lease) => lease !== 3));
  expect(await rowOf(3)).toMatchObject({ owner: other.id });
});

test('a taking skips a lease that is being renewed, takes the others, and never waits', async () => {
  const [owner, other] = [start(), start()];
  await owner.takeAll();
  const { leases } = await other.ask();
  const em = orm.em.fork();
  await em.begin();
  await em.execute('update webhook_leases set beat = beat + 1 where lease = 3');
  expect(byIndex(await other.take(leases))).toEqual(all.filter((lease) => lease !== 3));
  await em.commit();
  expect(await other.take(leases)).toEqual([]);
});

test('only its owner gives a lease back, and only in its epoch', async () => {
  const [owner, other] = [start(), start()];
  const taken = await owner.takeAll();
  const { epoch } = taken.find(({ index }) => index === relayLease)!;
  await other.release({ index: relayLease, epoch });
  await owner.release({ index: relayLease, epoch: epoch - 1 });
  expect(await rowOf(relayLease)).toMatchObject({ owner: owner.id, epoch });
  await owner.release({ index: relayLease, epoch });
  expect(await rowOf(relayLease)).toMatchObject({ owner: null, epoch });
  expect((await owner.ask({ renew: taken })).renewed).not.toContain(relayLease);
});

test('freed leases can all be taken at once, but not as they were seen before, and no old owner renews them', async () => {
  const [before, next] = [start(), start()];
  const old = await before.takeAll();
  const { leases } = await next.ask();
  await freeLeases(orm);
  expect(await next.take(leases)).toEqual([]);
  expect((await next.ask()).instances.map(({ id }) => id)).not.toContain(before.id);
  expect(byIndex(await next.takeAll())).toEqual(all);
  expect((await before.ask({ renew: old })).renewed).toEqual([]);
});
