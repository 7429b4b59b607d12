// Every position has a place: partitions of the log are made ahead, and an epoch that jumps makes its own.

import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { beginEpoch } from '../../src/log/identity.ts';
import { openOrm } from '../../src/model/orm.ts';
import { startRelay } from '../../src/outbox/relay.ts';
import { serverOf } from '../cursors/stored-log.ts';
import { queueEvents } from '../outbox/queue-events.ts';
import { relayMode } from '../outbox/relay-modes.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'log-partitions-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  const made = (await partitions()).filter((name) => name !== 'webhook_log_1');
  await orm.em.fork().execute(
    `truncate webhook_events, webhook_outbox, webhook_log, webhook_log_gaps;
     ${made.map((name) => `drop table ${name};`).join(' ')}
     update webhook_log_head set partitioned_to = 4000000, epoch = '1'`,
  );
});

const headIs = (position: number) => orm.em.fork().execute('update webhook_log_head set position = ?', [position]);

async function partitions(): Promise<string[]> {
  const rows = await orm.em
    .fork()
    .execute<{ name: string }[]>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'webhook_log'::regclass`,
    );
  return rows.map(({ name }) => name).toSorted();
}

async function logged(): Promise<{ partition: string; position: number }[]> {
  return await orm.em
    .fork()
    .execute(
      'select tableoid::regclass::text as partition, position::int as position from webhook_log order by position',
    );
}

async function startLeading() {
  const warned: string[] = [];
  const log = { warn: (_: unknown, message?: string) => void warned.push(message ?? '') };
  const relay = startRelay({ orm, stream: { append: () => {} }, log });
  relay.setMode(relayMode('leads', await serverOf(orm)));
  return { ...relay, warned };
}

test('the next partition is made a million positions ahead, with the indexes of the others, and the log runs on into it', async () => {
  await using relay = await startLeading();
  await headIs(2_999_999);
  await relay.catchUp();
  expect(await partitions()).toEqual(['webhook_log_1']);
  await headIs(3_000_001);
  await relay.catchUp();
  expect(await partitions()).toEqual(['webhook_log_1', 'webhook_log_4000001']);
  await headIs(3_999_999);
  await queueEvents(orm.em.fork(), 2);
  expect(await relay.catchUp()).toBe(4_000_001);
  expect(await logged()).toEqual([
    { partition: 'webhook_log_1', position: 4_000_000 },
    { partition: 'webhook_log_4000001', position: 4_000_001 },
  ]);
  const indexes = await orm.em.fork().execute<{ count: number }[]>(
    `select count(*)::int as count from pg_indexes where tablename in ('webhook_log_1', 'webhook_log_4000001')
      group by tablename`,
  );
  expect(indexes).toEqual([{ count: 4 }, { count: 4 }]);
  expect(relay.warned).toEqual([]);
});

test('while something is in the way of the next partition the last one is filled, and then no event is numbered until it is made', async () => {
  await using relay = await startLeading();
  const lock = orm.em.fork();
  await lock.begin();
  await lock.execute('lock table webhook_log in share update exclusive mode');
  await headIs(3_500_000);
  await queueEvents(orm.em.fork(), 1);
  expect(await relay.catchUp()).toBe(3_500_001);
  expect(relay.warned).toContain('the next partition of the log could not be made; trying again');
  await headIs(4_000_000);
  await queueEvents(orm.em.fork(), 1);
  await expect(relay.catchUp()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await lock.rollback();
  expect(await relay.catchUp()).toBe(4_000_001);
});

test('an epoch that jumps over partitions makes those up to its first position, and the next one, in its transaction', async () => {
  await headIs(10);
  await beginEpoch(orm, { from: '1', past: 7_500_000 });
  expect(await partitions()).toEqual(['webhook_log_1', 'webhook_log_4000001', 'webhook_log_8000001']);
  await using relay = await startLeading();
  await queueEvents(orm.em.fork(), 1);
  expect(await relay.catchUp()).toBe(7_600_001);
  expect(await logged()).toEqual([{ partition: 'webhook_log_4000001', position: 7_600_001 }]);
});
