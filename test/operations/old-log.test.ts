// The log loses what is old from its beginning, and nothing that an endpoint still has to come to.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { keepLog, keptPlace } from '../../src/cursors/kept-place.ts';
import { openOrm } from '../../src/model/orm.ts';
import { deleteOldLog, dropOldLog, keptOfLog } from '../../src/operations/old-log.ts';
import { dropOldEvents } from '../../src/operations/old-partitions.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { dropDays } from '../support/day-partitions.ts';
import { oldDays, type OldDays } from '../support/old-days.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
let stored: OldDays;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'old-log-test' });
  stored = oldDays(orm);
});
beforeEach(() => dropDays(orm));
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const cutoff = Date.parse('2024-03-15T12:00:00Z');
const drop = async () => await dropOldLog(orm, cutoff);
const trim = async (most = 5_000) => {
  return await orm.em.fork().transactional((em) => deleteOldLog(em, cutoff, most));
};
const place = async () => (await stored.sql<{ place: number }>(`select ${keptPlace}::float8 as place`))[0]!.place;

/** Two partitions that are full, as far as anybody can tell, and the one that the log is in. */
async function threePartitions() {
  await stored.event('2024-03-01T10:00:00Z', 1);
  await stored.event('2024-03-02T10:00:00Z', 4_000_000);
  await stored.event('2024-03-03T10:00:00Z', 4_000_001);
  await stored.event('2024-03-04T10:00:00Z', 8_000_000);
  await stored.event('2024-03-05T10:00:00Z', 8_000_001);
}

test('partitions go whole and from the oldest on, but not the one that the log is in', async () => {
  await threePartitions();
  expect(await drop()).toBe('webhook_log_1');
  expect(await stored.positions()).toEqual([4_000_001, 8_000_000, 8_000_001]);
  expect(await drop()).toBe('webhook_log_4000001');
  expect(await drop()).toBe(null);
  expect(await stored.days('webhook_log')).toEqual(['8000001']);
});

test('a partition stays while its newest event is not old, and so do all after it', async () => {
  await threePartitions();
  await stored.sql(`update webhook_log set positioned_at = '2024-03-15T12:00:00Z' where position = 4000000`);
  expect(await drop()).toBe(null);
  await stored.sql(`update webhook_log set positioned_at = '2024-03-15T11:59:59Z' where position = 4000000`);
  expect(await drop()).toBe('webhook_log_1');
});

test('a partition without an event, as in a gap, goes when it is the oldest', async () => {
  await threePartitions();
  await stored.sql('delete from webhook_log where position < 8000000');
  expect(await drop()).toBe('webhook_log_1');
  expect(await drop()).toBe('webhook_log_4000001');
});

test('a partition stays until the slowest endpoint and every replay has passed its last position', async () => {
  await threePartitions();
  const replayed = await stored.event('2024-03-05T10:00:00Z', 8_000_002);
  await stored.cursor('fast', 8_000_001);
  await stored.cursor('slow', 3_999_999, 'admin');
  expect(await drop()).toBe(null);
  await stored.cursor('slow', 4_000_000, 'admin');
  await stored.replay('fast', replayed, 4_000_000);
  expect(await drop()).toBe(null);
  await stored.sql('update webhook_replays set position = 4000001');
  expect(await drop()).toBe('webhook_log_1');
  expect(await drop()).toBe(null);
});

test('a log that is quiet for years loses its first events, oldest first, and keeps a day more than it has to', async () => {
  await stored.event('2024-03-01T10:00:00Z', 1);
  await stored.event('2024-03-02T10:00:00Z', 2);
  await stored.event('2024-03-14T11:59:59Z', 3);
  await stored.event('2024-03-14T12:00:00Z', 4);
  await stored.event('2024-03-20T10:00:00Z', 5);
  expect(await drop()).toBe(null);
  expect(await trim(2)).toBe(2);
  expect(await stored.positions()).toEqual([3, 4, 5]);
  expect(await trim()).toBe(1);
  expect(await trim()).toBe(0);
  expect(await stored.positions()).toEqual([4, 5]);
});

test('no event goes before an older one, whatever their times are', async () => {
  await stored.event('2024-03-01T10:00:00Z', 1);
  await stored.event('2024-03-20T10:00:00Z', 2);
  await stored.event('2024-03-01T10:00:00Z', 3);
  expect(await trim()).toBe(1);
  expect(await stored.positions()).toEqual([2, 3]);
});

test('old events go up to where the slowest endpoint is, who is named for what is left', async () => {
  for (const position of [1, 2, 3, 4]) await stored.event('2024-03-01T10:00:00Z', position);
  await stored.cursor('slow', 2);
  await stored.cursor('fast', 4);
  expect(await trim()).toBe(2);
  expect(await stored.positions()).toEqual([3, 4]);
  expect(await keptOfLog(orm.em.fork(), cutoff)).toMatchObject({ partition: 'webhook_log_1', endpoints: ['slow'] });
  await stored.cursor('slow', 4);
  expect(await keptOfLog(orm.em.fork(), cutoff)).toBe(null);
  expect(await trim()).toBe(2);
});

test('the kept place is the least of cursors and replays, a test among them, and without them the head', async () => {
  const addressed = await stored.event('2024-03-01T10:00:00Z', 5, 'crm');
  await stored.event('2024-03-01T10:00:00Z', 9);
  expect(await place()).toBe(9);
  await stored.cursor('disabled', null, 'admin');
  expect(await place()).toBe(9);
  await stored.cursor('crm', 8);
  await stored.cursor('hr', 7, 'gone');
  expect(await place()).toBe(7);
  await stored.replay('crm', await stored.event('2024-03-20T10:00:00Z', null, 'crm'), null);
  expect(await place()).toBe(7);
  await stored.replay('crm', addressed, null);
  expect(await place()).toBe(4);
  await stored.replay('hr', addressed, 3);
  expect(await place()).toBe(2);
});

test('while a cursor is being moved back, nothing of the log goes', async () => {
  await threePartitions();
  await stored.cursor('crm', 8_000_001);
  await orm.em.fork().transactional(async (rewind) => {
    await keepLog(rewind);
    await rewind.execute('update webhook_cursors set position = 0');
    await expect(drop()).rejects.toMatchObject({ code: '55P03' });
  });
  expect(await drop()).toBe(null);
  expect(await trim()).toBe(0);
});

test('while the relay numbers or somebody reads the log, a drop waits for a moment only, and comes later', async () => {
  await threePartitions();
  for (const statement of ['select 1 from webhook_log_head for update', 'select count(*) from webhook_log']) {
    await orm.em.fork().transactional(async (em) => {
      await em.execute(statement);
      await expect(drop()).rejects.toMatchObject({ code: '55P03' });
    });
  }
  expect(await drop()).toBe('webhook_log_1');
});

test('an event that the log still has keeps its day, in whatever order ids and positions are', async () => {
  await stored.partitions('2024-03-01T00:00:00Z', 1);
  await stored.event('2024-03-01T10:00:00Z', 1);
  const late = await stored.event('2024-03-01T11:00:00Z', null);
  await stored.event('2024-03-20T12:00:00Z', 2);
  await stored.sql('delete from webhook_outbox');
  await stored.sql(
    `insert into webhook_log (position, event_id, type, line, configuration, positioned_at)
       values (3, '${late}', 'a.b', 0, 0, '2024-03-20T12:00:00Z')`,
  );
  expect(await trim()).toBe(1);
  expect(await dropOldEvents(orm, cutoff)).toMatchObject({ dropped: null, kept: [{ isUsual: true }] });
  await stored.sql('delete from webhook_log where position = 3');
  expect(await dropOldEvents(orm, cutoff)).toMatchObject({ dropped: 'webhook_events_20240301', kept: [] });
});

test('a publisher waits for a drop no longer than a moment, however long a transaction holds the events', async () => {
  await stored.partitions('2024-03-01T00:00:00Z', 1);
  const waits: number[] = [];
  await orm.em.fork().transactional(async (application) => {
    await application.execute('update webhook_events set traceparent = null');
    let over = false;
    const dropping = expect(dropOldEvents(orm, cutoff).finally(() => (over = true))).rejects.toMatchObject({
      code: '55P03',
    });
    while (!over) {
      const since = performance.now();
      await stored.event('2024-03-20T12:00:00Z', null);
      waits.push(performance.now() - since);
    }
    await dropping;
  });
  // Without a limit, the first of them would wait for the application, which waits for them.
  expect(waits.length).toBeGreaterThan(5);
  expect(Math.max(...waits)).toBeLessThan(1_000);
  expect(await dropOldEvents(orm, cutoff)).toMatchObject({ dropped: 'webhook_events_20240301' });
});
