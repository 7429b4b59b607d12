import { type EntityManager, IsolationLevel, type MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { numberAll, startRelay } from '../../src/outbox/relay.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { serverOf } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openPostgresProxy } from './postgres-proxy.ts';
import { forgetEvents, queueEvents } from './queue-events.ts';
import { relayMode } from './relay-modes.ts';

let database: TestDatabase;
let orm: MikroORM;
/** The one that runs. */
let server: string;
beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 10, name: 'relay-order-test' });
  server = await serverOf(orm);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const insert = (em: EntityManager, type: string, count = 1) => queueEvents(em, count, { type });

function open(onAppended: (types: string[]) => void) {
  const relayOrm = openOrm({ url: database.url, connections: 1, name: 'relay-in-order' });
  const relay = startRelay({
    orm: relayOrm,
    stream: { append: (entries) => onAppended(entries.map(({ type }) => type)) },
    log: { warn: expect.fail },
  });
  relay.setMode(relayMode('leads', server));
  return {
    ...relay,
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]();
      await relayOrm.close(true);
    },
  };
}

test('an event committed while a full batch is numbered comes before every event inserted after that commit', async () => {
  const first = orm.em.fork();
  await first.begin();
  await insert(first, 'user.first');
  const [locked] = await insert(orm.em.fork(), 'bulk.event', 1_000);
  const lock = orm.em.fork();
  await lock.begin();
  await lock.execute('select 1 from webhook_outbox where event_id = ? for update', [locked]);
  const types: string[] = [];
  await using relay = open((appended) => types.push(...appended));
  // It has selected its batch, and waits for the row that is locked.
  await eventually(async () => {
    const waiting = await orm.em
      .fork()
      .execute(`select 1 from pg_stat_activity where application_name = 'relay-in-order' and wait_event_type = 'Lock'`);
    return waiting.length > 0;
  });
  await first.commit();
  await insert(orm.em.fork(), 'user.second');
  await lock.commit();
  relay.wake();
  await eventually(() => types.length === 1_002);
  expect(types.filter((type) => type.startsWith('user.'))).toEqual(['user.first', 'user.second']);
});

test('what is rolled back gets no position', async () => {
  const before = await numberAll(orm);
  const em = orm.em.fork();
  await em.begin();
  await insert(em, 'order.paid', 2);
  await em.rollback();
  await insert(orm.em.fork(), 'order.paid');
  expect(await numberAll(orm)).toBe(before + 1);
});

test('catching up ends, however much is committed meanwhile', async () => {
  await using relay = open(() => {});
  let busy = true;
  const writers = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (busy) {
        await insert(orm.em.fork(), 'order.paid');
        relay.wake();
      }
    }),
  );
  for (let round = 0; round < 20; round += 1) await relay.catchUp();
  busy = false;
  await writers;
});

test('nothing is numbered on a database server that was not compared, and everything once it was', async () => {
  const warned: unknown[] = [];
  const log = { warn: (fields: unknown) => void warned.push(fields) };
  const relay = startRelay({ orm, stream: { append: () => expect.fail() }, log });
  try {
    const before = await numberAll(orm);
    await storeEvent(orm, { position: null });
    relay.setMode(relayMode('leads', '2026-01-01 00:00:00+00'));
    await eventually(() => warned.length > 0);
    await expect(relay.catchUp()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(warned).toContainEqual({ reason: expect.stringContaining('another database server') as unknown });
    relay.setMode(relayMode('leads', server, false));
    expect(await relay.catchUp()).toBe(before + 1);
  } finally {
    await relay[Symbol.asyncDispose]();
  }
});

test('an event whose transaction outlasts many looks comes before every event recorded after its commit', async () => {
  const types: string[] = [];
  await using relay = open((appended) => types.push(...appended));
  const slow = orm.em.fork();
  await slow.begin();
  await queueEvents(slow, 1, { type: 'user.first', subject: 'user-1' });
  // Each is a look, and those after the fourth have a bound: it would be above the first one if that were not awaited.
  for (let others = 1; others <= 12; others += 1) {
    await insert(orm.em.fork(), 'order.paid');
    relay.wake();
    await eventually(() => types.length === others);
  }
  await slow.commit();
  await queueEvents(orm.em.fork(), 1, { type: 'user.second', subject: 'user-1' });
  relay.wake();
  await eventually(() => types.includes('user.second'));
  expect(types.slice(-2)).toEqual(['user.first', 'user.second']);
});

test('what was numbered costs the looks that follow nothing, while somebody’s snapshot keeps its rows in the queue’s table', async () => {
  const snapshot = orm.em.fork();
  await snapshot.begin({ isolationLevel: IsolationLevel.REPEATABLE_READ });
  await snapshot.execute('select 1 from webhook_log_head');
  const rows = 3_000;
  await insert(orm.em.fork(), 'order.paid', rows);
  await using relay = open(() => {});
  await relay.catchUp();
  // Statistics come about once a second.
  const seen = async (): Promise<{ looks: number; read: number }> => {
    const [all] = await orm.em
      .fork()
      .execute<[{ looks: number; read: number }]>(
        `select idx_scan::int as looks, idx_tup_read::int as read from pg_stat_user_indexes where indexrelname = 'webhook_outbox_pkey'`,
      );
    return all;
  };
  await eventually(async () => {
    const before = await seen();
    let after = before;
    await eventually(async () => (after = await seen()).looks > before.looks + 3);
    return after.read - before.read < rows / 10;
  });
  await snapshot.rollback();
});

test('the rows of the log and of the queue go together, wherever the connection breaks between two messages', async () => {
  for (const what of ['message', 'answer'] as const) {
    for (let after = 0, isOver = false; !isOver; after += 1) {
      await forgetEvents(orm.em.fork());
      const ids = await insert(orm.em.fork(), 'order.paid', 3);
      await using proxy = await openPostgresProxy(database.url);
      const throughProxy = openOrm({ url: proxy.url, connections: 1, name: 'breaking' });
      await throughProxy.em.fork().execute('select 1');
      proxy.loss = { after, what };
      await numberAll(throughProxy).catch(() => {});
      isOver = proxy.loss !== null;
      const [logged, queued] = [await logOf(), await queueOf()];
      expect([[], ids]).toContainEqual(logged);
      expect(queued).toEqual(logged.length === 0 ? ids : []);
      expect(await numberAll(orm)).toBe(3);
      expect([await logOf(), await queueOf()]).toEqual([ids, []]);
      await throughProxy.close(true);
    }
  }
});

async function logOf(): Promise<string[]> {
  const rows = await orm.em
    .fork()
    .execute<{ id: string }[]>('select event_id as id from webhook_log order by position');
  return rows.map(({ id }) => id);
}

async function queueOf(): Promise<string[]> {
  const rows = await orm.em.fork().execute<{ id: string }[]>('select event_id as id from webhook_outbox order by seq');
  return rows.map(({ id }) => id);
}
