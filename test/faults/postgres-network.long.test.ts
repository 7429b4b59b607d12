// Connections to Postgres that go silent, break or answer late, in the worst moments: nothing is lost, and nothing twice.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { actAsAdmin } from '../support/admin.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultWorld, openFaultWorld, reportOn } from './fault-world.ts';

let database: TestDatabase;
let world: FaultWorld;
let losses = 0;

beforeAll(async () => {
  database = await openDatabase();
  world = await openFaultWorld({ valkeyUrl: inject('valkeyUrl'), database });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => reportOn(world));

const isReady = async () => (await world.ready()).status === 'ready';

test.each([
  ['a mutation’s commit', /application_name\0tidings\0/, /^Q[^]{4}commit\0/],
  ['the commit of positions', /application_name\0tidings-relay\0/, /^Q[^]{4}commit\0/],
  ['the commit of delivery rows', /application_name\0tidings-thread\0/, /^Q[^]{4}commit\0/],
])('the answer to %s is lost under load: each event is there once, and each attempt recorded once', async (...row) => {
  const [, from, to] = row;
  const loss = world.postgres.loseAnswers({ from, to, times: 3 });
  await world.underLoad(async () => await eventually(() => loss.count === 3), { batches: 30, size: 10 });
  expect(await world.judge()).toEqual([]);
});

test('every connection is ended by the server, again and again, under load', async () => {
  await world.underLoad(async () => {
    for (let times = 0; times < 5; times += 1) {
      await world.stage.query(
        `select pg_terminate_backend(pid, 1000) from pg_stat_activity
          where datname = current_database() and application_name like 'tidings%'`,
      );
      await world.requests(50);
    }
  });
  expect(await world.judge((losses += 5))).toEqual([]);
});

test('a way to Postgres that goes silent for 5 s under load: what was on its way there is given up, and all goes on', async () => {
  losses += 1;
  await world.underLoad(async () => {
    world.postgres.blackhole(true);
    const endAt = performance.now() + 5_000;
    const waits: number[] = [];
    while (performance.now() < endAt) {
      const begunAt = performance.now();
      const asked = world.stage
        .service()
        .ask('mutation { publishWebhookEvents(events: [{ type: "a.one", data: {} }]) { id } }');
      await expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      waits.push(performance.now() - begunAt);
    }
    expect(Math.max(...waits)).toBeLessThan(3_000);
    world.postgres.blackhole(false);
    // As Postgres does after 15 s, where a COPY waits for the rest of its rows with locks that it holds.
    world.postgres.dropDead();
  });
  await eventually(isReady);
  expect(await world.judge(losses)).toEqual([]);
});

test('a Postgres that answers late, by 100 ms each way', async () => {
  world.postgres.latencyMs = 100;
  await world.underLoad(async () => {}, { batches: 3, size: 20 });
  world.postgres.latencyMs = 0;
  expect(await world.judge(losses)).toEqual([]);
});

test('while nobody can write delivery rows, each endpoint gets at most 17 requests more, and none comes twice', async () => {
  const nemesis = openOrm({ url: database.url, connections: 1, name: 'nemesis' });
  const em = nemesis.em.fork();
  await world.underLoad(async () => {
    await em.begin();
    await em.execute('lock table webhook_deliveries in access exclusive mode');
    const before = world.stage.receiver.journal.length;
    // One after another with their positions: time enough for a request that may not be sent.
    for (let more = 0; more < 20; more += 1) {
      const [id] = await actAsAdmin(world.stage).publish('a.more');
      await eventually(async () => (await world.stage.log()).some((event) => event.id === id));
    }
    expect(world.stage.receiver.journal.length - before).toBeLessThanOrEqual(17 * world.endpoints.length);
    await em.rollback();
  });
  await nemesis.close(true);
  expect(await world.judge(losses)).toEqual([]);
});

test('a transaction of somebody else that stays open delays no event but its own', async () => {
  const nemesis = openOrm({ url: database.url, connections: 1, name: 'nemesis' });
  const em = nemesis.em.fork();
  await em.begin();
  const id = crypto.randomUUID();
  await em.execute(
    `insert into webhook_events (id, type, payload, created_at) values (?, 'late.one', '{"event_type":"late.one"}', now());
     insert into webhook_outbox (event_id) values (?)`,
    [id, id],
  );
  await world.underLoad(async () => {}, { batches: 5, size: 20 });
  expect(await world.judge(losses)).toEqual([]);
  await em.commit();
  await nemesis.close(true);
  await eventually(() => world.endpoints.every((endpoint) => world.stage.receiver.of(endpoint).at(-1)?.eventId === id));
});

test('a stop while the way to Postgres is silent ends with 0, 8 s after the grace at the latest', async () => {
  await using other = await openFaultWorld({ valkeyUrl: inject('valkeyUrl'), environment: { SHUTDOWN_GRACE: '1s' } });
  await other.underLoad(async () => {}, { batches: 3, size: 20 });
  other.postgres.blackhole(true);
  const begunAt = performance.now();
  expect(await other.stage.service().stop()).toBe(0);
  // Its threads and its HTTP have some seconds to end on a slow machine.
  expect(performance.now() - begunAt).toBeLessThan(15_000);
  other.postgres.blackhole(false);
});
