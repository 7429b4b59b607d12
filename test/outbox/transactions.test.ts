// A change happens once or not at all, and its caller is told which, also when the database fails.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { emit } from '../../src/outbox/emitter.ts';
import { createTransactions, withoutSql } from '../../src/outbox/transactions.ts';
import { Refusal } from '../../src/policy/refusal.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openPostgresProxy } from './postgres-proxy.ts';

let database: TestDatabase;
let reader: ReturnType<typeof openOrm>;

beforeAll(async () => {
  database = await openDatabase();
  reader = openOrm({ url: database.url, connections: 2, name: 'transactions-test' });
  // Refuses an event of type fail.<SQLSTATE> as often as the sequence says; a sequence is not rolled back.
  await reader.em.fork().execute(`
    create sequence failures;
    create function fail() returns trigger language plpgsql as $$
    begin
      if new.type like 'fail.%' and nextval('failures') <= (new.payload::json -> 'data' ->> 'times')::int then
        raise exception 'secret detail' using errcode = upper(substr(new.type, 6));
      end if;
      return new;
    end $$;
    create trigger fail before insert on webhook_events for each row execute function fail();
  `);
});
afterAll(async () => {
  await reader.close(true);
  await database[Symbol.asyncDispose]();
});

/** Transactions on an ORM of their own, and what they did. */
function open(url: string, connections = 2) {
  const orm = openOrm({ url, connections, name: 'transactions-test' }, { logger: () => {} });
  const seen = { commits: 0 };
  return {
    seen,
    transactions: createTransactions({ orm, onCommit: () => (seen.commits += 1) }),
    [Symbol.asyncDispose]: () => orm.close(true),
  };
}

/** In milliseconds: a change is answered within this, whatever becomes of Postgres. */
const answersWithinMs = 3_000;

const count = (type: string) => reader.em.fork().count(WebhookEvent, { type });
const refusalOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it was not refused'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(Refusal);
      return error as Refusal;
    },
  );

test('the result comes after the commit, and so does the call that wakes the relay', async () => {
  await using door = open(database.url);
  const id = await door.transactions.run(async (em) => {
    const event = await emit(em, { type: 'ok.once', data: {} });
    await em.flush();
    expect(door.seen.commits).toBe(0);
    expect(await count('ok.once')).toBe(0);
    return event.id;
  });
  expect(door.seen.commits).toBe(1);
  expect(await reader.em.fork().findOne(WebhookEvent, id)).not.toBeNull();
});

test('what the work throws reaches the caller as it is, nothing is kept, and the work is not repeated', async () => {
  await using door = open(database.url);
  const refusal = new Refusal('CONFLICT', 'because');
  let runs = 0;
  const failing = door.transactions.run(async (em) => {
    runs += 1;
    await emit(em, { type: 'gone.again', data: {} });
    await em.flush();
    throw refusal;
  });
  await expect(failing).rejects.toBe(refusal);
  expect({ runs, commits: door.seen.commits, rows: await count('gone.again') }).toEqual({
    runs: 1,
    commits: 0,
    rows: 0,
  });
});

test.each([
  ['40001', 2, 3, 1],
  ['40p01', 2, 3, 1],
  ['40001', 3, 3, 0],
  ['22023', 1, 1, 0],
])('SQLSTATE %s, %i times: the work runs %i times and %i event is kept', async (state, times, runs, rows) => {
  await using door = open(database.url);
  await reader.em.fork().execute(`select setval('failures', 1, false)`);
  await reader.em.fork().execute(`delete from webhook_events`);
  let ran = 0;
  const managers = new Set<unknown>();
  const change = door.transactions.run(async (em) => {
    ran += 1;
    managers.add(em);
    await emit(em, { type: `fail.${state}`, data: { times } });
    await emit(em, { type: 'fellow.event', data: {} });
  });
  const outcome = await change.then(
    () => 'kept',
    (error: unknown) => (error instanceof Refusal ? error.code : 'an error'),
  );
  expect(outcome).toBe(rows === 1 ? 'kept' : state === '22023' ? 'an error' : 'UNAVAILABLE');
  expect({ ran, managers: managers.size, commits: door.seen.commits }).toEqual({
    ran: runs,
    managers: runs,
    commits: rows,
  });
  expect({ rows: await count(`fail.${state}`), fellows: await count('fellow.event') }).toEqual({ rows, fellows: rows });
});

test('a refused statement is reported by its SQLSTATE alone', async () => {
  await using door = open(database.url);
  await reader.em.fork().execute(`select setval('failures', 1, false)`);
  const failing = door.transactions.run(async (em) =>
    await emit(em, { type: 'fail.22023', data: { times: 1, name: 'ada' } }),
  );
  const error: unknown = await failing.catch((caught: unknown) => caught);
  expect(error).toMatchObject({ message: 'The database refused a statement (SQLSTATE 22023).', code: '22023' });
  expect(inspect(error, { showHidden: true })).not.toMatch(/insert into|secret detail|ada/);
});

test('a database that refuses connections is UNAVAILABLE, and the error keeps its port and user secret', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  await using door = open(`postgres://somebody:hidden@127.0.0.1:${port}/nothing`);
  const refusal = await refusalOf(door.transactions.run(async () => 1));
  expect(refusal.code).toBe('UNAVAILABLE');
  expect(`${refusal.message} ${refusal.stack}`).not.toMatch(new RegExp(`${port}|hidden|somebody`));
});

test('a database that does not exist, or lets nobody in, is UNAVAILABLE', async () => {
  const url = new URL(database.url);
  url.pathname = `/gone_${crypto.randomUUID()}`;
  await using door = open(url.href);
  expect((await refusalOf(door.transactions.run(async () => 1))).code).toBe('UNAVAILABLE');
});

test('when every connection is taken, a change is UNAVAILABLE within 3 s', async () => {
  await using door = open(database.url, 1);
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const first = door.transactions.run(async () => {
    begun.resolve();
    await release.promise;
  });
  await begun.promise;
  const askedAt = performance.now();
  expect((await refusalOf(door.transactions.run(async () => 1))).code).toBe('UNAVAILABLE');
  expect(performance.now() - askedAt).toBeLessThan(answersWithinMs);
  release.resolve();
  await first;
  expect(await door.transactions.run(async () => 'free again')).toBe('free again');
});

test('a database that stops answering is UNAVAILABLE within 3 s, even on an open connection', async () => {
  await using proxy = await openPostgresProxy(database.url);
  const door = open(proxy.url, 1);
  expect(await door.transactions.run(async () => 'well')).toBe('well');
  proxy.mode = 'silent';
  let ran = false;
  const askedAt = performance.now();
  expect((await refusalOf(door.transactions.run(async () => (ran = true)))).code).toBe('UNAVAILABLE');
  expect(performance.now() - askedAt).toBeLessThan(answersWithinMs);
  expect(ran).toBe(false);
  proxy.mode = 'pass';
  proxy.cut();
  await eventually(() => door.transactions.run(async () => 'well again'));
});

test('a connection that is lost during the work is UNAVAILABLE, nothing was changed, and the next change gets another', async () => {
  await using door = open(database.url, 1);
  for (const round of [1, 2, 3]) {
    const backend = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<void>();
    const change = refusalOf(
      door.transactions.run(async (em) => {
        await emit(em, { type: 'cut.off', data: { round } });
        await em.flush();
        const [row] = await em.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
        backend.resolve(row!.pid);
        await ended.promise;
        await em.execute('select 1');
      }),
    );
    // From outside the work: within it, MikroORM lends the connections of its own ORM to any other.
    await reader.em.fork().execute('select pg_terminate_backend(?, 5000)', [await backend.promise]);
    ended.resolve();
    expect(await change).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('Nothing was changed'),
    });
  }
  expect(await count('cut.off')).toBe(0);
  expect(await door.transactions.run(async () => 'well again')).toBe('well again');
});

test('after a commit whose answer was lost the work is not repeated, the caller gets UNAVAILABLE, and the relay is woken', async () => {
  await using proxy = await openPostgresProxy(database.url);
  await using door = open(proxy.url);
  let runs = 0;
  proxy.mode = 'lose the commit';
  const refusal = await refusalOf(
    door.transactions.run(async (em) => {
      runs += 1;
      await emit(em, { type: 'lost.answer', data: {} });
    }),
  );
  expect(refusal).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('may or may not') });
  await eventually(async () => (await count('lost.answer')) === 1, { saying: 'the committed event' });
  expect({ runs, commits: door.seen.commits }).toEqual({ runs: 1, commits: 1 });
});

test('an error that is not the database’s is left alone', () => {
  const bug = new TypeError('x is not a function');
  expect(withoutSql(bug)).toBe(bug);
  expect(withoutSql('a text')).toBe('a text');
});
