// What is old goes, a day at a time, and nothing that anybody still needs, whatever the clock says.

import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createLogTable } from '../../src/log/table.ts';
import { openOrm } from '../../src/model/orm.ts';
import { runRetention, startRetention } from '../../src/operations/retention.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { dropDays } from '../support/day-partitions.ts';
import { eventually } from '../support/eventually.ts';
import { oldDays, type OldDays } from '../support/old-days.ts';

const dayMs = 86_400_000;
let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
let stored: OldDays;
let lines: { level: string; msg: string; partition?: string; endpoints?: string[]; rows?: number; table?: string }[];

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'retention-test' });
  stored = oldDays(orm);
});
beforeEach(async () => {
  lines = [];
  warned.clear();
  await dropDays(orm);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const write = (level: string) => (fields: object, msg?: string) =>
  void lines.push({ level, msg: msg ?? '', ...fields });
const log = { debug: write('debug'), info: write('info'), warn: write('warn') } as never;
const warned = new Set<string>();
const run = async (retentionMs = 5 * dayMs) => await runRetention({ orm, retentionMs, log }, { warned });
const warnings = () => lines.filter(({ level }) => level === 'warn');

/**
 * Partitions of the first days of March 2024, and an event on the 1st, 2nd and 20th, at positions 1 to 3: with five days
 * kept, the newest row makes old what is from before the 15th at noon. The database's clock is years ahead of all of it.
 */
async function march(days = 4) {
  await stored.partitions('2024-03-01T00:00:00Z', days);
  const first = await stored.event('2024-03-01T10:00:00Z', 1);
  const second = await stored.event('2024-03-02T10:00:00Z', 2);
  await stored.event('2024-03-20T12:00:00Z', 3);
  return { first, second };
}

test('each run drops the oldest day of events and of deliveries, and says so', async () => {
  await march();
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240302');
  expect((await stored.days('webhook_deliveries'))[0]).toBe('20240302');
  expect(lines.map(({ level, table, rows, partition }) => [level, partition ?? `${rows} of ${table}`])).toEqual([
    ['info', '2 of webhook_log'],
    ['info', 'webhook_deliveries_20240301'],
    ['info', 'webhook_events_20240301'],
  ]);
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240303');
});

test('a day goes only when all of it is older than what is kept', async () => {
  await march(20);
  for (let runs = 0; runs < 18; runs++) await run();
  // Five days before the 20th at noon is the 15th at noon, so the 14th is the last whole day before it.
  for (const table of ['webhook_events', 'webhook_deliveries']) {
    expect(await stored.days(table)).toEqual(['15', '16', '17', '18', '19', '20'].map((day) => `202403${day}`));
  }
});

test('a clock that is an hour or ten years ahead makes nothing old that the newest row does not', async () => {
  await stored.partitions('2024-03-01T00:00:00Z', 3);
  await stored.event('2024-03-01T00:00:00Z', 1);
  // An hour later the first day would be five days old, and its event a day more; the database's clock is years later.
  await stored.event('2024-03-06T23:00:00Z', 2);
  await run();
  expect(await stored.days('webhook_events')).toHaveLength(3);
  await stored.event('2024-03-07T00:00:01Z', 3);
  await run();
  expect(await stored.days('webhook_events')).toEqual(['20240302', '20240303']);
});

test('a row from the future makes nothing old that is not old by the clock', async () => {
  const today = new Date(Math.floor(Date.now() / dayMs) * dayMs).toISOString();
  await stored.partitions(today, 1);
  await stored.event(today, 1);
  await stored.event('2200-01-01T00:00:00Z', 2);
  await run();
  expect(await stored.days('webhook_events')).toHaveLength(1);
});

test('an empty database loses nothing', async () => {
  await stored.partitions('2024-03-01T00:00:00Z', 2);
  await run();
  expect(await stored.days('webhook_events')).toHaveLength(2);
  expect(lines).toEqual([]);
});

test('two days are kept whatever the setting', async () => {
  await march(20);
  for (let runs = 0; runs < 21; runs++) await run(1);
  expect(await stored.days('webhook_events')).toEqual(['20240318', '20240319', '20240320']);
});

test('an endpoint that is paused or behind keeps its events, and is named once', async () => {
  await march();
  await stored.cursor('gone', 1, 'gone');
  await stored.cursor('slow', 0);
  await stored.cursor('done', 3);
  await run();
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240301');
  expect(warnings()).toMatchObject([{ partition: 'webhook_log_1', endpoints: ['slow'] }]);
  await stored.cursor('slow', 3);
  await run();
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240302');
  expect(warnings().slice(1)).toMatchObject([{ partition: 'webhook_log_1', endpoints: ['gone'] }]);
});

test('a disabled endpoint holds nothing back', async () => {
  await march();
  await stored.cursor('disabled', null, 'admin');
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240302');
});

test('an event without a position stays', async () => {
  await march();
  await stored.event('2024-03-01T11:00:00Z', null);
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240301');
  expect(warnings()).toMatchObject([{ msg: expect.stringContaining('without a position') }]);
});

test('an event that a replay or a test still has to send stays, and so does the log from there', async () => {
  const { first } = await march();
  await stored.cursor('crm', 3);
  await stored.replay('crm', first, 1);
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240301');
  expect(await stored.positions()).toEqual([1, 2, 3]);
  expect(warnings()).toMatchObject([
    { partition: 'webhook_log_1', endpoints: ['crm'], msg: expect.stringContaining('replays') },
    { partition: 'webhook_events_20240301', endpoints: ['crm'] },
  ]);
});

test('a replay that is requested while its day is being dropped keeps the day', async () => {
  const { first } = await march();
  await stored.cursor('crm', 3);
  let running = Promise.resolve();
  await orm.em.fork().transactional(async (replay) => {
    await replay.execute('select 1 from webhook_events where id = ?', [first]);
    running = run();
    // In the database, since a drop waits for milliseconds.
    await replay.execute(
      `do $$ begin
         while not exists (select 1 from pg_locks where not granted and relation = 'webhook_events'::regclass) loop
           perform pg_sleep(0.001);
         end loop;
         insert into webhook_replays (id, endpoint_id, event_id, position, origin)
           values (gen_random_uuid(), 'crm', '${first}', 1, 'replay');
       end $$`,
    );
  });
  await running;
  expect((await stored.days('webhook_events'))[0]).toBe('20240301');
});

test('no delivery is left without its event, and no warning is logged', async () => {
  const { first } = await march();
  await stored.delivery('2024-03-04T00:00:00Z', first);
  for (let runs = 0; runs < 3; runs++) {
    await run();
    expect((await stored.days('webhook_events'))[0]).toBe('20240301');
  }
  expect(await stored.count('webhook_deliveries')).toBe(1);
  expect(warnings()).toEqual([]);
  await run();
  expect(await stored.count('webhook_deliveries')).toBe(0);
  expect((await stored.days('webhook_events'))[0]).toBe('20240302');
});

test('attempts above a cursor stay while they say what is settled or blocked, and younger days do not wait for them', async () => {
  const { first, second } = await march();
  await stored.cursor('crm', 0);
  await stored.cursor('hr', 0, 'exhausted');
  await stored.delivery('2024-03-01T10:00:01Z', first, { position: 1, status: 'failed' });
  // By it a held event is seen, and skipped. The rows of an older generation, or from before a resume, count no more.
  await stored.delivery('2024-03-01T10:00:02Z', second, { position: 2, endpoint: 'hr', status: 'retrying' });
  await stored.delivery('2024-03-02T10:00:01Z', second, {
    position: 2,
    endpoint: 'hr',
    status: 'retrying',
    resumes: -1,
  });
  await stored.delivery('2024-03-02T10:00:02Z', second, { position: 2, generation: -1 });
  await run();
  expect((await stored.days('webhook_deliveries')).slice(0, 2)).toEqual(['20240301', '20240303']);
  expect(warnings()).toMatchObject([
    { partition: 'webhook_log_1', endpoints: ['crm', 'hr'] },
    { partition: 'webhook_deliveries_20240301', endpoints: ['crm', 'hr'] },
  ]);
  await stored.cursor('crm', 1);
  await run();
  expect((await stored.days('webhook_deliveries'))[0]).toBe('20240301');
  await stored.cursor('hr', 2);
  await run();
  expect((await stored.days('webhook_deliveries'))[0]).toBe('20240304');
});

test('an endpoint continues in the middle of a page whose beginning was dropped', async () => {
  await march();
  await stored.cursor('crm', 1);
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240302');
  const page = await createLogTable(orm).readPage(1);
  expect(page.map(({ position }) => position)).toEqual([2, 3]);
});

test('old rows of the default partitions go under the same conditions', async () => {
  await stored.partitions('2024-03-10T00:00:00Z', 11);
  const [settled, logged, replayed] = [
    await stored.event('2024-03-01T10:00:00Z', 1),
    await stored.event('2024-03-01T11:00:00Z', 2),
    await stored.event('2024-03-01T12:00:00Z', 3),
  ];
  const unsettled = await stored.event('2024-03-01T13:00:00Z', 4);
  const unnumbered = await stored.event('2024-03-01T14:00:00Z', null);
  await stored.cursor('crm', 3);
  await stored.replay('crm', replayed, 3);
  await stored.delivery('2024-03-01T10:00:01Z', settled, { position: 1 });
  const needed = await stored.delivery('2024-03-01T13:00:01Z', unsettled, { position: 4, status: 'retrying' });
  const recent = await stored.delivery('2024-03-20T12:00:00Z', logged, { position: 2 });
  await run();
  const ids = async (table: string) =>
    (await stored.sql<{ id: string }>(`select id from ${table} order by id`)).map(({ id }) => id);
  expect(await ids('webhook_events')).toEqual([logged, replayed, unsettled, unnumbered]);
  expect(await ids('webhook_deliveries')).toEqual([needed, recent]);
  expect(await stored.positions()).toEqual([3, 4]);
  expect(lines.filter(({ table }) => table)).toMatchObject([
    { level: 'info', table: 'webhook_log', rows: 2 },
    { level: 'info', table: 'webhook_deliveries_default', rows: 1 },
    { level: 'info', table: 'webhook_events_default', rows: 1 },
  ]);
});

test('a long query delays a drop, and neither fails nor waits itself', async () => {
  await march();
  await orm.em.fork().transactional(async (reader) => {
    await reader.execute('select count(*) from webhook_events');
    await run();
    expect(warnings()).toMatchObject([{ what: 'webhook_events', msg: expect.stringContaining('long transactions') }]);
    expect(await stored.count('webhook_events')).toBe(3);
  });
  await run();
  expect((await stored.days('webhook_events'))[0]).toBe('20240302');
});

test('instances that run at once drop each day once, and none fails', async () => {
  await march();
  await Promise.all([run(), run(), run()]);
  expect(warnings()).toEqual([]);
  // A day that one of them keeps, as the log had its events a moment ago, is dropped by another.
  const dropped = lines.flatMap(({ level, partition }) => (level === 'info' ? (partition ?? []) : []));
  expect(new Set(dropped).size).toBe(dropped.length);
  expect((await stored.days('webhook_events')).length + (await stored.days('webhook_deliveries')).length).toBe(
    8 - dropped.length,
  );
});

test('a partition of the logs that others made is left alone', async () => {
  await march();
  await stored.sql(`create table webhook_events_archive partition of webhook_events
    for values from ('00000000-0000-0000-0000-000000000000') to ('00000000-0000-0000-0000-000000000001')`);
  await run();
  await run();
  expect((await stored.days('webhook_events')).at(-1)).toBe('archive');
});

test('the service runs at its start and again, survives a lost table, and stops', async () => {
  await march(20);
  await stored.sql('alter table webhook_idempotency_keys rename to keys_away');
  onTestFinished(async () => {
    await stored.sql('alter table keys_away rename to webhook_idempotency_keys');
  });
  {
    await using _service = startRetention({ orm, retentionMs: 5 * dayMs, log, everyMs: 20 });
    await eventually(async () => !(await stored.days('webhook_events')).includes('20240303'));
    expect(warnings()[0]).toMatchObject({ what: 'webhook_idempotency_keys', msg: expect.stringContaining('42P01') });
  }
  const after = lines.length;
  await run();
  expect(lines.length).toBeGreaterThan(after);
});
