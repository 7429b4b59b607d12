import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import type { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { type StoredEvent, clearTables, storeAttempts, storeLog } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;
const me = randomUUID();
const epoch = 6;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 3, name: 'orders-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
let events: StoredEvent[];
beforeEach(async () => {
  await clearTables(orm);
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [me, epoch]);
  events = await storeLog(orm, ['a.a', 'a.a', 'a.a']);
});

let loads = 0;

/** Loads the cursor of `crm` as its owner does. */
async function load({ number = (loads += 1), by = me, patterns = ['*'] } = {}) {
  const endpoint = makeEndpoint({ events: patterns });
  const lease = { index: shardOf('crm'), epoch };
  return (await loadCursors(orm, by, [{ endpoint, lease, number }], 3)).get('crm');
}

/** The second event of three waits for its third attempt; the first was delivered. */
async function storeBlocked(cursor: Partial<WebhookCursor> = {}, waitMs: number | null = 60_000): Promise<void> {
  await storeCursor(orm, { endpointId: 'crm', generation: 4, position: 0, resumes: 2, ...cursor });
  const of = { generation: 4, resumes: 2 };
  await storeAttempts(orm, [
    { ...of, event: events[0]! },
    { ...of, event: events[1]!, status: 'retrying', attemptCount: 1, waitMs: 10, agoMs: 20_000 },
    { ...of, event: events[1]!, status: 'retrying', attemptCount: 2, waitMs, agoMs: 10_000 },
  ]);
}

async function order(kind: 'retry' | 'skip', event?: StoredEvent, agoMs = 0): Promise<string> {
  const id = newId();
  await orm.em.fork().execute(
    `insert into webhook_orders (id, endpoint_id, kind, event_id, asked_at)
       values (?, 'crm', ?, ?, clock_timestamp() - ? * interval '1 ms')`,
    [id, kind, event?.id ?? null, agoMs],
  );
  return id;
}

async function outcomeOf(id: string): Promise<string | null> {
  const [row] = await orm.em
    .fork()
    .execute<{ outcome: string | null }[]>('select outcome from webhook_orders where id = ?', [id]);
  return row!.outcome;
}

const rowsOf = (event: StoredEvent) =>
  orm.em.fork().find(WebhookDelivery, { eventId: event.id }, { orderBy: { id: 'asc' } });
const cursor = async () => {
  const sql = `select pause_reason, resumes from webhook_cursors where endpoint_id = 'crm'`;
  return (await orm.em.fork().execute<object[]>(sql))[0];
};

test('a skip is a failed row with the next number, for which nothing was sent, and settles the event', async () => {
  await storeBlocked();
  await orm.em.fork().execute(`update webhook_deliveries set version = '9.8.7'`);
  const id = await order('skip', events[1]);
  const loaded = await load();
  expect(await outcomeOf(id)).toBe('done');
  expect(loaded).toMatchObject({ settled: new Set([1, 2]), retries: [] });
  const rows = await rowsOf(events[1]!);
  expect(rows).toHaveLength(3);
  expect(rows.at(-1)).toMatchObject({
    ...{ eventType: 'a.a', endpointId: 'crm', endpointUrl: 'https://crm.example.com/hooks', status: 'failed' },
    ...{ httpStatus: null, errorMessage: 'skipped: by an admin', attemptCount: 3, latencyMs: 0, completedAt: null },
    ...{ origin: 'line', position: 2, generation: 4, resumes: 2, configuration: 1, waitMs: null, writer: id, batch: 1 },
    version: '9.8.7',
  });
});

test('a skip after a resume counts from 1 again', async () => {
  await storeBlocked({ resumes: 3 });
  await order('skip', events[1]);
  await load();
  expect((await rowsOf(events[1]!)).at(-1)).toMatchObject({ status: 'failed', attemptCount: 1, resumes: 3 });
});

test('a retry makes the waiting attempt due now, for good: whoever loads the line later waits no more', async () => {
  await storeBlocked();
  expect((await load())!.retries).toMatchObject([{ position: 2, attempts: 2 }]);
  const id = await order('retry');
  expect((await load())!.retries).toEqual([{ position: 2, attempts: 2, waitMs: 0 }]);
  expect(await outcomeOf(id)).toBe('done');
  expect((await load())!.retries).toEqual([{ position: 2, attempts: 2, waitMs: 0 }]);
  // What it waited is what it had waited by then, and the wait that was over stays as it was.
  const [first, second] = await rowsOf(events[1]!);
  expect(first!.waitMs).toBe(10);
  expect(second!.waitMs).toBeGreaterThanOrEqual(10_000);
  expect(second!.waitMs).toBeLessThan(60_000);
  expect(await cursor()).toEqual({ pause_reason: null, resumes: 2 });
});

test('a retry of a held line is a resume: attempts are counted from 1 again', async () => {
  await storeBlocked({ pauseReason: 'exhausted' }, null);
  const id = await order('retry');
  expect(await load()).toMatchObject({ pauseReason: null, resumes: 3, retries: [] });
  expect(await outcomeOf(id)).toBe('done');
});

test.each([
  ['was rewound', { generation: 5 }, '*'],
  ['no longer asks for its event', {}, 'b.*'],
])('a retry of a held line that %s ends the hold', async (_, given, pattern) => {
  await storeBlocked({ pauseReason: 'exhausted', ...given }, null);
  const id = await order('retry');
  expect(await load({ patterns: [pattern] })).toMatchObject({ pauseReason: null, resumes: 3, retries: [] });
  expect(await outcomeOf(id)).toBe('done');
});

test('a skip of a held event ends the hold, and leaves any other pause', async () => {
  await storeBlocked({ pauseReason: 'exhausted' }, null);
  await order('skip', events[1]);
  expect(await load()).toMatchObject({ pauseReason: null, resumes: 3, settled: new Set([1, 2]) });
  await clearTables(orm);
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [me, epoch]);
  events = await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  await storeBlocked({ pauseReason: 'gone' });
  const id = await order('skip', events[1]);
  expect(await load()).toMatchObject({ pauseReason: 'gone', resumes: 2, settled: new Set([1, 2]) });
  expect(await outcomeOf(id)).toBe('done');
});

test.each([
  ['a retry of an endpoint that an admin paused', { pauseReason: 'admin' as const }, 'retry', null, 'paused'],
  ['a skip of what was delivered', {}, 'skip', 0, 'settled'],
  ['a skip of what comes later', {}, 'skip', 2, 'not the head'],
  ['a retry of a line that goes on', { position: 2 }, 'retry', null, 'not blocked'],
  ['a skip of what was not tried yet', { position: 2 }, 'skip', 2, 'not blocked'],
  ['a skip behind what was not tried yet', { generation: 5 }, 'skip', 1, 'not the head'],
  ['a skip of what the filter passes over now', {}, 'skip', 1, 'not the head', 'b.*'],
] as const)('%s does nothing', async (_, given, kind, index, outcome, pattern: string = '*') => {
  await storeBlocked(given);
  const id = await order(kind, index === null ? undefined : events[index]);
  const before = await orm.em.fork().find(WebhookDelivery, {});
  const stood = await cursor();
  await load({ patterns: [pattern] });
  expect(await outcomeOf(id)).toBe(outcome);
  expect(await orm.em.fork().find(WebhookDelivery, {})).toEqual(before);
  expect(await cursor()).toEqual(stood);
});

test('an order that is too old is carried out by nobody', async () => {
  await storeBlocked();
  const id = await order('skip', events[1], 5_001);
  await load();
  expect(await outcomeOf(id)).toBeNull();
  expect(await rowsOf(events[1]!)).toHaveLength(2);
});

test('only the owner’s newest load carries orders out: an older one that is late, and anybody else, loads nothing', async () => {
  await storeBlocked();
  const late = (loads += 1);
  await load();
  const id = await order('skip', events[1]);
  expect(await load({ number: late })).toBeUndefined();
  expect(await load({ by: randomUUID() })).toBeUndefined();
  expect(await outcomeOf(id)).toBeNull();
  await load();
  expect(await outcomeOf(id)).toBe('done');
});

test('an order that is withdrawn while the load waits for it is not carried out', async () => {
  await storeBlocked();
  const id = await order('skip', events[1]);
  const asker = orm.em.fork();
  await asker.begin();
  await asker.execute('delete from webhook_orders where id = ?', [id]);
  const loading = load();
  await eventually(async () => {
    const waiting = `select 1 from pg_locks l join pg_database d on d.oid = l.database or l.database is null
      where not l.granted and d.datname = current_database()`;
    return (await orm.em.fork().execute<object[]>(waiting)).length > 0;
  });
  await asker.commit();
  expect(await loading).toMatchObject({ settled: new Set([1]), retries: [{ position: 2, attempts: 2 }] });
  expect(await rowsOf(events[1]!)).toHaveLength(2);
});
