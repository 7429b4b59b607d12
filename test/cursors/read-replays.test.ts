import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readReplays } from '../../src/cursors/read-replays.ts';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { storeCursor, storeEvent } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { type StoredEvent, clearTables, storeAttempts, storeLog } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'replays-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const all = { known: [], most: { replays: 100, bytes: 1_000_000 } };

/** Stores one replay for each event, in this order; their ids. */
async function storeItems(events: readonly StoredEvent[], endpointId = 'crm'): Promise<string[]> {
  const items = events.map(({ id, position }) => {
    return { id: newId(), endpointId, eventId: id, position, origin: 'replay' as const };
  });
  await orm.em.fork().insertMany(Replay, items);
  return items.map(({ id }) => id);
}

test('an endpoint’s own tests and replays come in the order of their ids, without those that are known', async () => {
  const [first, second, third] = await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: 3 });
  const [third_, first_, second_] = await storeItems([third!, first!, second!]);
  await storeItems([first!], 'other');
  await orm.em.fork().execute(`update webhook_events set traceparent = 'its trace' where id = ?`, [third!.id]);
  expect(await readReplays(orm, 'crm', { ...all, known: [first_!] })).toEqual([
    {
      id: third_,
      origin: 'replay',
      event: {
        ...{ id: third!.id, type: 'a.a', subject: null, payload: '{}', position: 3, previous: null },
        traceparent: 'its trace',
      },
      attempts: 0,
      waitMs: 0,
    },
    expect.objectContaining({ id: second_ }),
  ]);
});

test('tests come before replays, however many of those wait', async () => {
  const events = await storeLog(orm, ['a.a', 'a.a', 'a.a', 'a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: 4 });
  const ids = await storeItems(events.slice(0, 3));
  const test_ = { id: newId(), endpointId: 'crm', eventId: events[3]!.id, position: 4, origin: 'test' as const };
  await orm.em.fork().insert(Replay, test_);
  const read = async (replays: number) =>
    (await readReplays(orm, 'crm', { ...all, most: { ...all.most, replays } })).map(({ id }) => id);
  expect(await read(1)).toEqual([test_.id]);
  expect(await read(9)).toEqual([test_.id, ...ids]);
});

test('no more is read than was asked for, by number or by bytes, but one replay of any size', async () => {
  const events = await storeLog(orm, ['a.a', 'a.a', 'a.a', 'a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: 4 });
  const ids = await storeItems(events);
  const read = async (replays: number, bytes: number) =>
    (await readReplays(orm, 'crm', { known: [], most: { replays, bytes } })).map(({ id }) => id);
  expect(await read(3, 1_000)).toEqual(ids.slice(0, 3));
  // Each payload has two bytes.
  expect(await read(4, 3)).toEqual(ids.slice(0, 2));
  expect(await read(4, 1)).toEqual(ids.slice(0, 1));
});

test('a replay comes with its attempts since the last resume, and with what is left of its wait', async () => {
  const events = await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: 3, resumes: 2, generation: 9 });
  const [resumed, tried, earlier] = await storeItems(events);
  const retrying = { origin: 'replay', status: 'retrying', waitMs: 60_000 } as const;
  await storeAttempts(orm, [
    { event: events[0]!, ...retrying, replayId: resumed!, attemptCount: 3, resumes: 1 },
    { event: events[1]!, ...retrying, replayId: tried!, attemptCount: 1, resumes: 2, waitMs: 1 },
    { event: events[1]!, ...retrying, replayId: tried!, attemptCount: 2, resumes: 2, agoMs: 20_000, generation: 8 },
    // Of an item before it, and of the line.
    { event: events[2]!, ...retrying, replayId: newId(), attemptCount: 4, resumes: 2 },
    { event: events[2]!, status: 'failed', attemptCount: 6, resumes: 2 },
  ]);
  const read = new Map((await readReplays(orm, 'crm', all)).map((item) => [item.id, item]));
  expect(read.get(resumed!)).toMatchObject({ attempts: 0, waitMs: 0 });
  expect(read.get(earlier!)).toMatchObject({ attempts: 0, waitMs: 0 });
  expect(read.get(tried!)).toMatchObject({ attempts: 2 });
  expect(read.get(tried!)!.waitMs).toBeGreaterThan(20_000);
  expect(read.get(tried!)!.waitMs).toBeLessThanOrEqual(40_000);
});

test('a test whose event has no position yet is not read: the log wakes it later, and it has its position then', async () => {
  const event = await storeEvent(orm, { type: 'webhook.test', addressedTo: 'crm' });
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  const stored = { id: newId(), endpointId: 'crm', eventId: event.id, position: null, origin: 'test' as const };
  await orm.em.fork().insert(Replay, stored);
  expect(await readReplays(orm, 'crm', all)).toEqual([]);
  await numberAll(orm);
  expect(await readReplays(orm, 'crm', all)).toMatchObject([{ id: stored.id, event: { id: event.id, position: 1 } }]);
});
