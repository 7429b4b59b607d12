import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { numberAll, startRelay } from '../../src/outbox/relay.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { serverOf } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { queueEvents } from './queue-events.ts';
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
    await expect(relay.catchUp()).rejects.toThrow('another database server');
    relay.setMode(relayMode('leads', server, false));
    expect(await relay.catchUp()).toBe(before + 1);
  } finally {
    await relay[Symbol.asyncDispose]();
  }
});
