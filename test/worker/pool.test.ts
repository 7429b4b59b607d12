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

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'pool-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em.fork().execute('truncate webhook_deliveries, webhook_endpoint_stats');
});

/** Real threads on the test's database, which may send to this machine. */
async function open(threads = 1) {
  const workers: Worker[] = [];
  const remember = (worker: Worker) => workers.push(worker);
  process.on('worker', remember);
  onTestFinished(() => void process.off('worker', remember));
  const pool = await openThreadPool({
    threads,
    databaseUrl: database.url,
    allowedNetworks: ['127.0.0.0/8'],
    version: '1.2.3',
    log: { logger: pino({ level: 'silent' }), options: { level: 'silent', format: 'json' } },
  });
  trustALease(pool);
  return { pool, workers, [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose]() };
}

/** Runs the turn again with what is left of it, as often as it ends early, until all is settled or it is lost. */
async function runThrough(
  pool: ThreadPool,
  turn: Turn,
): Promise<{ left: Turn } & Awaited<ReturnType<ThreadPool['run']>>> {
  const outcome = await pool.run(turn);
  if ('lost' in outcome || outcome.report.settled === turn.events.length) return { left: turn, ...outcome };
  expect(outcome.report.failure).toBeNull();
  return await runThrough(pool, { ...turn, events: turn.events.slice(outcome.report.settled) });
}

const rows = (endpointId: string) =>
  orm.em.fork().find(WebhookDelivery, { endpointId }, { orderBy: { position: 'asc' } });

test('a turn’s report comes when its rows are there, and its requests came in order on one connection', async () => {
  await using receiver = await openReceiver();
  await using opened = await open(2);
  const turn = makeTurn(20, { receiver: { url: receiver.url } });
  await runThrough(opened.pool, turn);
  expect((await rows('crm')).map(({ eventId, status }) => [eventId, status])).toEqual(
    turn.events.map(({ id }) => [id, 'delivered']),
  );
  const again = { ...turn, slot: 9, events: makeTurn(20).events };
  await runThrough(opened.pool, again);
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(
    [...turn.events, ...again.events].map(({ id }) => id),
  );
  expect(receiver.connections()).toBe(1);
});

test('turns of many endpoints run at once, and an endpoint that hangs holds up no other', async () => {
  const release = Promise.withResolvers<Reply>();
  await using hanging = await openReceiver({ reply: () => release.promise });
  await using quick = await openReceiver();
  await using opened = await open(1);
  const slots = Array.from({ length: 40 }, (_, slot) => slot);
  const hung = slots
    .slice(0, 20)
    .map((slot) => opened.pool.run(makeTurn(1, { slot, receiver: { id: `hung-${slot}`, url: hanging.url } })));
  await eventually(() => hanging.received.length === 20);
  const reports = await Promise.all(
    slots
      .slice(20)
      .map((slot) => runThrough(opened.pool, makeTurn(3, { slot, receiver: { id: `quick-${slot}`, url: quick.url } }))),
  );
  expect(reports.filter((outcome) => 'lost' in outcome)).toEqual([]);
  expect(quick.received).toHaveLength(60);
  release.resolve({});
  await Promise.all(hung);
});

test('an interrupted turn ends with the request on the wire, and the next turn of its slot is not told', async () => {
  const release = Promise.withResolvers<Reply>();
  await using receiver = await openReceiver({ reply: (_, index) => (index === 0 ? release.promise : {}) });
  await using opened = await open();
  const turn = makeTurn(5, { receiver: { url: receiver.url } });
  const running = opened.pool.run(turn);
  await eventually(() => receiver.received.length === 1);
  opened.pool.interrupt(turn.slot);
  release.resolve({});
  expect(await running).toEqual({ report: { settled: 1, failure: null } });
  const rest = { ...turn, events: turn.events.slice(1) };
  await runThrough(opened.pool, rest);
  expect(receiver.received).toHaveLength(5);
});

test('a lease that is not trusted any more lets every thread send at most what is on its wire', async () => {
  const release = Promise.withResolvers<Reply>();
  await using receiver = await openReceiver({ reply: (_, index) => (index < 4 ? release.promise : {}) });
  await using opened = await open(2);
  const running = ['a', 'b', 'c', 'd'].map((id, slot) =>
    opened.pool.run(makeTurn(5, { slot, receiver: { id, url: receiver.url } })),
  );
  await eventually(() => receiver.received.length === 4);
  opened.pool.trust(aLease, 0);
  release.resolve({});
  expect(await Promise.all(running)).toEqual(running.map(() => ({ report: { settled: 1, failure: null } })));
  expect(receiver.received).toHaveLength(4);
  const late = makeTurn(1, { receiver: { url: receiver.url } });
  expect(await opened.pool.run(late)).toEqual({ report: { settled: 0, failure: null } });
  expect(receiver.received).toHaveLength(4);
});

test('a thread that dies names the event that each of its turns had on the wire, and is replaced', async () => {
  const hang = Promise.withResolvers<Reply>();
  onTestFinished(() => hang.resolve({}));
  await using receiver = await openReceiver({
    reply: ({ headers }) => (headers['x-webhook-position'] === '3' ? hang.promise : {}),
  });
  await using opened = await open();
  const turn = makeTurn(5, { receiver: { url: receiver.url } });
  const other = makeTurn(1, { slot: 1, receiver: { id: 'other', url: receiver.url } });
  const event = { ...other.events[0]!, position: 3 };
  const running = [runThrough(opened.pool, turn), opened.pool.run({ ...other, events: [event] })] as const;
  await eventually(() => receiver.received.filter(({ headers }) => headers['x-webhook-position'] === '3').length === 2);
  await eventually(async () => (await rows('crm')).length === 2);
  expect(opened.workers).toHaveLength(1);
  await opened.workers[0]!.terminate();
  const { left, ...outcome } = await running[0];
  expect(outcome).toEqual({ lost: { current: left.events.indexOf(turn.events[2]!) } });
  expect(await running[1]).toEqual({ lost: { current: 0 } });
  await runThrough(opened.pool, { ...turn, events: turn.events.slice(3) });
  expect((await rows('crm')).map(({ position }) => position)).toEqual([1, 2, 4, 5]);
});

test('a turn that only a bug can make throw is lost, and takes no other with it', async () => {
  await using receiver = await openReceiver();
  await using opened = await open();
  const broken = makeTurn(1, { receiver: { secrets: ['whsec_not base64'] } });
  const sound = makeTurn(1, { slot: 1, receiver: { id: 'other', url: receiver.url } });
  expect(await Promise.all([opened.pool.run(broken), opened.pool.run(sound)])).toEqual([
    { lost: { current: null } },
    { report: { settled: 1, failure: null } },
  ]);
});

test('its end writes the counts, ends the threads and closes their connections', async () => {
  await using receiver = await openReceiver();
  const opened = await open(2);
  await Promise.all(
    ['a', 'b', 'c', 'd'].map((id, slot) =>
      runThrough(opened.pool, makeTurn(3, { slot, receiver: { id, url: receiver.url } })),
    ),
  );
  const ends = opened.workers.map((worker) => once(worker, 'exit'));
  await opened[Symbol.asyncDispose]();
  await Promise.all(ends);
  expect(ends).toHaveLength(2);
  const counts = await orm.em
    .fork()
    .execute(
      'select endpoint_id as id, sum(delivered)::int as count from webhook_endpoint_stats group by 1 order by 1',
    );
  expect(counts).toEqual(['a', 'b', 'c', 'd'].map((id) => ({ id, count: 3 })));
  await eventually(async () => {
    const [{ open: left }] = await orm.em
      .fork()
      .execute<[{ open: number }]>(
        `select count(*)::int as open from pg_stat_activity where application_name = 'tidings-thread' and datname = current_database()`,
      );
    return left === 0;
  });
});
