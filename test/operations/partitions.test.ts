// Each day of the logs has its own partition before the day begins, and making one is harmless.

import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { firstIdOf } from '../../src/model/uuid.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { ensurePartitions, startPartitions } from '../../src/operations/partitions.ts';
import { makeEvent } from '../../src/outbox/payload.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { dropDays } from '../support/day-partitions.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
const noon = new Date('2026-11-28T12:00:00Z');
const week = ['28', '29', '30']
  .map((day) => `202611${day}`)
  .concat(['01', '02', '03', '04', '05'].map((day) => `202612${day}`));

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'partitions-test' });
});
beforeEach(() => dropDays(orm));
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

/** The UUIDv7 of a time, its random part all the same hexadecimal digit. */
const idAt = (time: string, digit: string) =>
  firstIdOf(Date.parse(time)).replace(
    '0000-0000-000000000000',
    `7${digit.repeat(3)}-8${digit.repeat(3)}-${digit.repeat(12)}`,
  );

const eventAt = (time: string, digit = '0') => makeEvent({ type: 'a.b', data: {} }, new Date(time), idAt(time, digit));

async function insert(...events: ReturnType<typeof eventAt>[]) {
  await orm.em.fork().insertMany(WebhookEvent, events);
}

async function partitionOf(id: string): Promise<string | undefined> {
  const rows = await orm.em
    .fork()
    .execute<{ name: string }[]>('select tableoid::regclass::text as name from webhook_events where id = ?', [id]);
  return rows[0]?.name;
}

async function children(table: string): Promise<string[]> {
  const rows = await orm.em
    .fork()
    .execute<{ name: string }[]>(
      'select inhrelid::regclass::text as name from pg_inherits where inhparent = ?::regclass order by 1',
      [table],
    );
  return rows.map(({ name }) => name);
}

test('today and the next seven days get a partition of both logs, over the ends of months', async () => {
  const { created, failed } = await ensurePartitions(orm, noon);
  expect(failed).toEqual([]);
  expect(created).toHaveLength(16);
  for (const table of ['webhook_events', 'webhook_deliveries']) {
    expect(await children(table)).toEqual([...week.map((day) => `${table}_${day}`), `${table}_default`]);
  }
});

test('a second run makes nothing, and the next day one more of each', async () => {
  await ensurePartitions(orm, noon);
  expect(await ensurePartitions(orm, noon)).toEqual({ created: [], failed: [] });
  expect(await ensurePartitions(orm, new Date('2026-11-29T00:00:00.000Z'))).toEqual({
    created: ['webhook_events_20261206', 'webhook_deliveries_20261206'],
    failed: [],
  });
});

test('a day begins and ends with its first and last millisecond in UTC', async () => {
  await ensurePartitions(orm, noon);
  const places: [string, string, string][] = [
    ['2026-11-27T23:59:59.999Z', 'f', 'webhook_events_default'],
    ['2026-11-28T00:00:00.000Z', '0', 'webhook_events_20261128'],
    ['2026-11-28T23:59:59.999Z', 'f', 'webhook_events_20261128'],
    ['2026-11-29T00:00:00.000Z', '0', 'webhook_events_20261129'],
    ['2026-12-05T23:59:59.999Z', 'f', 'webhook_events_20261205'],
    ['2026-12-06T00:00:00.000Z', '0', 'webhook_events_default'],
  ];
  for (const [time, digit, partition] of places) {
    await insert(eventAt(time, digit));
    expect([time, await partitionOf(idAt(time, digit))]).toEqual([time, partition]);
  }
});

test('an id made now belongs to today', async () => {
  const day = Math.floor(Date.now() / 86_400_000) * 86_400_000;
  const id = randomUUIDv7();
  expect(id > firstIdOf(day)).toBe(true);
  expect(id < firstIdOf(day + 2 * 86_400_000)).toBe(true);
});

test('a partition has every index of its parent', async () => {
  await ensurePartitions(orm, noon);
  for (const table of ['webhook_events', 'webhook_deliveries']) {
    const rows = await orm.em.fork().execute<{ bare: number }[]>(
      `select count(*)::int as bare from pg_index parent
       where parent.indrelid = ?::regclass and (
         select count(*) from pg_inherits join pg_index child on child.indexrelid = inhrelid
         where inhparent = parent.indexrelid and child.indisvalid) <> 9`,
      [table],
    );
    expect(rows).toEqual([{ bare: 0 }]);
  }
});

test('instances that make them at once make each once', async () => {
  const others = [1, 2, 3].map(() => openOrm({ url: database.url, connections: 2, name: 'partitions-test' }));
  try {
    const runs = await Promise.all(others.map((each) => ensurePartitions(each, noon)));
    expect(runs.flatMap(({ failed }) => failed)).toEqual([]);
    expect(runs.flatMap(({ created }) => created).toSorted()).toEqual(
      ['webhook_deliveries', 'webhook_events'].flatMap((table) => week.map((day) => `${table}_${day}`)),
    );
  } finally {
    await Promise.all(others.map((each) => each.close(true)));
  }
});

test('a day that already has rows in the default partition stays there, and only that day', async () => {
  const early = eventAt('2026-11-29T08:00:00Z');
  await insert(early);
  const { created, failed } = await ensurePartitions(orm, noon);
  expect(failed).toMatchObject([{ partition: 'webhook_events_20261129', reason: expect.stringContaining('default') }]);
  expect(created).toHaveLength(15);
  expect(await partitionOf(early.id)).toBe('webhook_events_default');
  await insert(eventAt('2026-11-29T09:00:00Z'));
});

test('an open writer is not waited for, and an open reader delays it without failing the reader', async () => {
  const writing = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  await ensurePartitions(orm, noon, { daysAhead: 0 });
  const writer = orm.em.fork().transactional(async (em) => {
    await em.insertMany(WebhookEvent, [eventAt('2026-11-28T08:00:00Z')]);
    writing.resolve();
    await go.promise;
  });
  await writing.promise;
  expect((await ensurePartitions(orm, noon)).failed).toEqual([]);
  go.resolve();
  await writer;

  const reader = orm.em.fork();
  await reader.transactional(async (em) => {
    await em.count(WebhookEvent);
    const { created, failed } = await ensurePartitions(orm, new Date('2026-11-30T00:00:00Z'));
    expect(failed).toMatchObject([{ partition: 'webhook_events_20261206', reason: expect.stringContaining('later') }]);
    expect(created).toEqual(['webhook_deliveries_20261206', 'webhook_deliveries_20261207']);
    expect(await em.count(WebhookEvent)).toBe(1);
  });
  expect((await ensurePartitions(orm, new Date('2026-11-30T00:00:00Z'))).created).toHaveLength(2);
});

function collectLog() {
  const lines: string[] = [];
  const write = (...[fields, message]: unknown[]) => void lines.push(String(message ?? fields));
  return { lines, log: { info: write, warn: write } };
}

test('the service has made them when it has started, makes them again, and stops', async () => {
  const { lines, log } = collectLog();
  {
    await using _service = await startPartitions({ orm, log, everyMs: 20 });
    expect(await children('webhook_events')).toHaveLength(9);
    expect(lines).toEqual(['partitions made']);
    const [last] = (await children('webhook_deliveries')).slice(-2);
    await orm.em.fork().execute(`drop table ${last}`);
    await eventually(async () => (await children('webhook_deliveries')).includes(last!));
  }
  const [first] = await children('webhook_events');
  await orm.em.fork().execute(`drop table ${first}`);
  expect(await children('webhook_events')).toHaveLength(8);
});

test('the service starts without its database, says so, and makes partitions when the database is there', async () => {
  const { lines, log } = collectLog();
  await orm.em.fork().execute('alter table webhook_events rename to webhook_events_away');
  await using _service = await startPartitions({ orm, log, everyMs: 20 });
  expect(lines).toEqual([expect.stringContaining('no partitions were made: the database refused it (42P01)')]);
  await orm.em.fork().execute('alter table webhook_events_away rename to webhook_events');
  await eventually(async () => (await children('webhook_events')).length === 9);
});
