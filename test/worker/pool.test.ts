import { once } from 'node:events';
import process from 'node:process';
import type { Worker } from 'node:worker_threads';
import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { type ThreadPool, openThreadPool } from '../../src/worker/pool.ts';
import type { Turn } from '../../src/worker/turn.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openReceiver } from '../support/receiver/receiver.ts';
import type { Reply } from '../support/receiver/reply.ts';
import { aLease, makeTurn, trustALease } from './made-up-turn.ts';

let database: TestDatabase;
let orm: MikroORM;
/** Two threads, for every test that ends none. */
let pool: ThreadPool;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'pool-test' });
  pool = await openPool(2);
});
afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em.fork().execute('truncate webhook_deliveries, webhook_endpoint_stats');
  trustALease(pool);
});

/** Real threads on the test's database, which may send to this machine. */
const openPool = (threads: number) =>
  openThreadPool({
    threads,
    database: { url: database.url },
    allowedNetworks: ['127.0.0.0/8'],
    version: '1.2.3',
    log: { logger: pino({ level: 'silent' }), takeLines: () => {}, options: { level: 'silent', format: 'json' } },
  });

/** Threads that are the test's to end. */
async function openOwn(threads: number) {
  const workers: Worker[] = [];
  const remember = (worker: Worker) => workers.push(worker);
  process.on('worker', remember);
  onTestFinished(() => void process.off('worker', remember));
  const own = await openPool(threads);
  trustALease(own);
  return { own, workers, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** Runs the turn again with what is left of it, as often as it ends early, until all is settled or it is lost. */
async function runThrough(
  threads: ThreadPool,
  turn: Turn,
): Promise<{ left: Turn } & Awaited<ReturnType<ThreadPool['runTurn']>>> {
  const outcome = await threads.runTurn(turn);
  if ('lost' in outcome || outcome.report.settled === turn.events.length) return { left: turn, ...outcome };
  expect(outcome.report.failure).toBeNull();
  return await runThrough(threads, { ...turn, events: turn.events.slice(outcome.report.settled) });
}

/** Of threads to the test's database. */
async function connections(): Promise<number> {
  const [{ open }] = await orm.em
    .fork()
    .execute<[{ open: number }]>(
      `select count(*)::int as open from pg_stat_activity where application_name = 'tidings-thread' and datname = current_database()`,
    );
  return open;
}

const rows = (endpointId: string) =>
  orm.em.fork().find(WebhookDelivery, { endpointId }, { orderBy: { position: 'asc' } });

test('a turn’s report comes when its rows are there, and its requests came in order on one connection', async () => {
  await using receiver = await openReceiver();
  const turn = makeTurn(20, { endpoint: { url: receiver.url } });
  await runThrough(pool, turn);
  expect((await rows('crm')).map(({ eventId, status }) => [eventId, status])).toEqual(
    turn.events.map(({ id }) => [id, 'delivered']),
  );
  const again = { ...turn, slot: 9, events: makeTurn(20).events };
  await runThrough(pool, again);
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(
    [...turn.events, ...again.events].map(({ id }) => id),
  );
  expect(receiver.connections()).toBe(1);
});

test('turns of many endpoints run at once, and an endpoint that hangs delays no other', async () => {
  const release = Promise.withResolvers<Reply>();
  await using hanging = await openReceiver({ reply: () => release.promise });
  await using quick = await openReceiver();
  const slots = Array.from({ length: 40 }, (_, slot) => slot);
  const hung = slots
    .slice(0, 20)
    .map((slot) => pool.runTurn(makeTurn(1, { slot, endpoint: { id: `hung-${slot}`, url: hanging.url } })));
  await eventually(() => hanging.received.length === 20);
  const reports = await Promise.all(
    slots
      .slice(20)
      .map((slot) => runThrough(pool, makeTurn(3, { slot, endpoint: { id: `quick-${slot}`, url: quick.url } }))),
  );
  expect(reports.filter((outcome) => 'lost' in outcome)).toEqual([]);
  expect(quick.received).toHaveLength(60);
  release.resolve({});
  await Promise.all(hung);
});

test('an interrupted turn ends with the request on the wire, and the next turn of its slot is not interrupted', async () => {
  const release = Promise.withResolvers<Reply>();
  await using receiver = await openReceiver({ reply: (_, index) => (index === 0 ? release.promise : {}) });
  const turn = makeTurn(5, { endpoint: { url: receiver.url } });
  const running = pool.runTurn(turn);
  await eventually(() => receiver.received.length === 1);
  pool.interrupt(turn.slot);
  release.resolve({});
  expect(await running).toMatchObject({ report: { settled: 1, failure: null }, latenciesMs: [expect.any(Number)] });
  const rest = { ...turn, events: turn.events.slice(1) };
  await runThrough(pool, rest);
  expect(receiver.received).toHaveLength(5);
});

test('when a lease is no longer trusted, every thread sends at most what is on its wire', async () => {
  const release = Promise.withResolvers<Reply>();
  await using receiver = await openReceiver({ reply: (_, index) => (index < 4 ? release.promise : {}) });
  const running = ['a', 'b', 'c', 'd'].map((id, slot) =>
    pool.runTurn(makeTurn(5, { slot, endpoint: { id, url: receiver.url } })),
  );
  await eventually(() => receiver.received.length === 4);
  pool.trust(aLease, 0);
  release.resolve({});
  expect(await Promise.all(running)).toMatchObject(running.map(() => ({ report: { settled: 1, failure: null } })));
  expect(receiver.received).toHaveLength(4);
  const late = makeTurn(1, { endpoint: { url: receiver.url } });
  expect(await pool.runTurn(late)).toEqual({ report: { settled: 0, failure: null }, latenciesMs: [] });
  expect(receiver.received).toHaveLength(4);
});

test('a thread that dies names the event that each of its turns had on the wire, and is replaced', async () => {
  const hang = Promise.withResolvers<Reply>();
  onTestFinished(() => hang.resolve({}));
  await using receiver = await openReceiver({
    reply: ({ headers }) => (headers['x-webhook-position'] === '3' ? hang.promise : {}),
  });
  await using opened = await openOwn(1);
  const turn = makeTurn(5, { endpoint: { url: receiver.url } });
  const other = makeTurn(1, { slot: 1, endpoint: { id: 'other', url: receiver.url } });
  const event = { ...other.events[0]!, position: 3 };
  const running = [runThrough(opened.own, turn), opened.own.runTurn({ ...other, events: [event] })] as const;
  await eventually(() => receiver.received.filter(({ headers }) => headers['x-webhook-position'] === '3').length === 2);
  await eventually(async () => (await rows('crm')).length === 2);
  expect(opened.workers).toHaveLength(1);
  await opened.workers[0]!.terminate();
  const { left, ...outcome } = await running[0];
  expect(outcome).toEqual({ lost: { current: left.events.indexOf(turn.events[2]!) } });
  expect(await running[1]).toEqual({ lost: { current: 0 } });
  await runThrough(opened.own, { ...turn, events: turn.events.slice(3) });
  expect((await rows('crm')).map(({ position }) => position)).toEqual([1, 2, 4, 5]);
});

test('a turn that only a bug can make throw is lost, and takes no other with it', async () => {
  await using receiver = await openReceiver();
  const broken = makeTurn(1, { endpoint: { secrets: ['whsec_not base64'] } });
  const sound = makeTurn(1, { slot: 1, endpoint: { id: 'other', url: receiver.url } });
  expect(await Promise.all([pool.runTurn(broken), pool.runTurn(sound)])).toMatchObject([
    { lost: { current: null } },
    { report: { settled: 1, failure: null } },
  ]);
});

test('its end writes the counts, ends the threads and closes their connections', async () => {
  await using receiver = await openReceiver();
  const before = await connections();
  const opened = await openOwn(2);
  await Promise.all(
    ['e', 'f', 'g', 'h'].map((id, slot) =>
      runThrough(opened.own, makeTurn(3, { slot, endpoint: { id, url: receiver.url } })),
    ),
  );
  const ends = opened.workers.map((worker) => once(worker, 'exit'));
  await opened[Symbol.asyncDispose]();
  await Promise.all(ends);
  expect(ends).toHaveLength(2);
  const counts = await orm.em
    .fork()
    .execute(
      `select endpoint_id as id, sum(delivered)::int as count from webhook_endpoint_stats where endpoint_id in ('e', 'f', 'g', 'h') group by 1 order by 1`,
    );
  expect(counts).toEqual(['e', 'f', 'g', 'h'].map((id) => ({ id, count: 3 })));
  await eventually(async () => (await connections()) === before);
});
