import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { assignCursors } from '../../src/cursors/assign-cursors.ts';
import { writeCursors } from '../../src/cursors/write-cursors.ts';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { type RewindTo, findTarget, rewindCursor } from '../../src/operations/rewind.ts';
import { Refusal } from '../../src/policy/refusal.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { startActor } from '../dispatch/made-up-actors.ts';
import { clearTables, serverOf, storeAttempts, storeGap, storeLog } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'rewind-test' });
  // The one that the stored rows have.
  await orm.em.fork().execute(`select nextval('webhook_generations')`);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const crm = makeEndpoint({ id: 'crm', events: ['*'] });
const me = randomUUID();
const lease = { index: shardOf('crm'), epoch: 1 };

let loads = 0;

/** Reads the place of `crm`, as the instance that serves it does. */
async function loadPlace() {
  await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = ?', [me, lease.epoch]);
  loads += 1;
  return (await loadCursors(orm, me, [{ endpoint: crm, lease, number: loads }], 10)).get('crm');
}
const cursor = () => orm.em.fork().findOneOrFail(WebhookCursor, 'crm');

async function rewind(to: RewindTo, endpoint = crm): Promise<void> {
  await orm.em.fork().transactional(async (em) => {
    await rewindCursor(em, endpoint, await findTarget(em, endpoint, to));
  });
}

async function refusal(to: RewindTo): Promise<[string, string]> {
  const before = await orm.em.fork().find(WebhookCursor, {});
  const error: unknown = await rewind(to).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Refusal);
  expect(await orm.em.fork().find(WebhookCursor, {})).toEqual(before);
  return [(error as Refusal).code, (error as Refusal).message];
}

/** A log of ten events; the endpoint was added at `since` and has settled all up to `position`. */
async function march(position = 10, since = 0) {
  const events = await storeLog(orm, Array<string>(10).fill('a.a'));
  await storeCursor(orm, { endpointId: 'crm', position, since, examined: 10, backlog: 10 - position });
  return events;
}

test('a rewind continues at the position it names, in a new generation, with nothing settled and no attempts', async () => {
  const events = await march(10);
  await orm.em.fork().nativeUpdate(WebhookCursor, 'crm', { resumes: 3, pauseReason: 'admin' });
  await storeAttempts(orm, [
    ...events.slice(0, 9).map((event) => ({ event, resumes: 3 })),
    { event: events[9]!, status: 'retrying', attemptCount: 2, waitMs: 60_000, resumes: 3 },
  ]);
  await rewind({ position: '4' });
  const { generation, ...row } = await cursor();
  expect(generation).not.toBe(1);
  expect(row).toMatchObject({ position: 3, previous: 3, examined: 3, backlog: 0 });
  // What is not about its place stays.
  expect(row).toMatchObject({ resumes: 3, pauseReason: 'admin' });
  const place = (await loadPlace())!;
  expect(place).toMatchObject({ generation, position: 3, previous: 3, settled: new Set(), retries: [], backlog: 7 });
});

test.each(['0', '1', '01'])('"%s" is the beginning of the log', async (position) => {
  await march();
  await rewind({ position });
  expect(await cursor()).toMatchObject({ position: 0, previous: 0 });
});

test('each rewind has a generation that was never used', async () => {
  await march();
  const used = new Set([1]);
  for (const position of ['9', '9', '1']) {
    await rewind({ position });
    used.add((await cursor()).generation);
  }
  expect(used.size).toBe(4);
});

test('a late cursor write by an actor from before does not undo a rewind', async () => {
  await march();
  const place = (await loadPlace())!;
  const before = startActor(crm, place, lease);
  await rewind({ position: '4' });
  const rewound = await cursor();
  const { position, previous } = before.cursor(10);
  const late = { endpoint_id: 'crm', owner: me, owner_epoch: lease.epoch, generation: place.generation };
  const counted = { examined: 10, filter: '*', backlog: before.backlog.count, failing_run: 'none' } as const;
  const row = { ...late, ...counted, position, previous };
  expect(await writeCursors(orm, [row], await serverOf(orm))).toEqual(new Set(['crm']));
  expect(await cursor()).toEqual(rewound);
});

test.each(['', '-1', '+1', '1.5', '0x5', 'ten', ' 5', '٣'])('%j is no position', async (position) => {
  await march(7);
  expect(await refusal({ position })).toEqual([
    'BAD_USER_INPUT',
    'to.position: must be a whole number from 0 on; crm has come to position 7.',
  ]);
});

test('a rewind only goes back, and a refusal says how far the endpoint is by its rows', async () => {
  const events = await march(5);
  // Settled, but the cursor was not written yet.
  await storeAttempts(orm, [{ event: events[5]! }, { event: events[6]!, status: 'failed' }]);
  const ahead = 'to.position: 9 lies ahead; crm has come to position 7, and a rewind only goes back.';
  expect(await refusal({ position: '9' })).toEqual(['BAD_USER_INPUT', ahead]);
  expect((await refusal({ position: '9'.repeat(30) }))[0]).toBe('BAD_USER_INPUT');
  await rewind({ position: '8' });
  expect(await cursor()).toMatchObject({ position: 7, previous: 7 });
});

test('events that are not for the endpoint do not limit a rewind to the log’s end', async () => {
  await storeLog(orm, ['a.a', 'b.b', 'webhook.test', 'b.b']);
  await storeCursor(orm, { endpointId: 'crm', position: 1 });
  // Not even those of its own operation, of which it asks for all.
  await storeLog(orm, ['webhook.endpoint_failing'], 4);
  const narrow = makeEndpoint({ id: 'crm', events: ['a.*', 'webhook.*'] });
  await rewind({ position: '6' }, narrow);
  expect(await cursor()).toMatchObject({ position: 5, previous: 1 });
  await expect(rewind({ position: '7' }, narrow)).rejects.toThrow('position 5');
});

test('previous is the event before by the present filter, and never a test', async () => {
  await storeLog(orm, ['a.a', 'b.b', 'webhook.test', 'b.b', 'a.a', 'a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: 6, previous: 6 });
  await rewind({ position: '5' }, makeEndpoint({ id: 'crm', events: ['a.*'] }));
  expect(await cursor()).toMatchObject({ position: 4, previous: 1, filter: 'a.*' });
});

test('the first event since an endpoint was added has no previous, also after a rewind to there', async () => {
  await march(10, 5);
  await rewind({ position: '6' });
  expect(await cursor()).toMatchObject({ position: 5, previous: 0, since: 5 });
  // Farther back its line begins farther back, from then on.
  await rewind({ position: '3' });
  expect(await cursor()).toMatchObject({ position: 2, previous: 0, since: 2 });
});

test('a new cursor begins a new line', async () => {
  await storeLog(orm, ['a.a', 'a.a']);
  await orm.em.fork().transactional((em) => assignCursors(em, [crm]));
  expect(await cursor()).toMatchObject({ position: 2, since: 2 });
});

async function timed(...times: string[]): Promise<void> {
  for (const [index, time] of times.entries()) {
    await orm.em.fork().execute('update webhook_log set positioned_at = ? where position = ?', [time, index + 1]);
  }
}

test.each([
  ['before all', '2026-01-01T00:00:00.000Z', 0],
  ['at the first of several of one time', '2026-01-02T00:00:02.000Z', 1],
  ['between two', '2026-01-02T00:00:02.001Z', 4],
  ['at the last', '2026-01-02T00:00:09.000Z', 9],
])('a time %s is the first event that had its position by then or later', async (_, at, position) => {
  await march();
  const of = (second: number) => `2026-01-02T00:00:0${second}.000Z`;
  await timed(of(1), of(2), of(2), of(2), of(3), of(4), of(5), of(6), of(7), of(9));
  await rewind({ at: new Date(at) });
  expect((await cursor()).position).toBe(position);
});

test('a time in the future is refused like a position', async () => {
  await march(3);
  await timed(...Array.from({ length: 10 }, (_, index) => `2026-01-02T00:00:0${index}.000Z`));
  const [code, message] = await refusal({ at: new Date('2026-01-02T00:00:08.000Z') });
  expect([code, message]).toEqual([
    'BAD_USER_INPUT',
    'to.at: position 9 comes first then, which lies ahead; crm has come to position 3, and a rewind only goes back.',
  ]);
});

test('a time after the last event is refused, also at the end of the line', async () => {
  await march();
  await timed(...Array.from({ length: 10 }, (_, index) => `2026-01-02T00:00:0${index}.000Z`));
  const [code, message] = await refusal({ at: new Date('2999-01-01T00:00:00.000Z') });
  expect([code, message]).toEqual(['BAD_USER_INPUT', 'to.at: no event is that late, and a rewind only goes back.']);
});

test('a rewind to what retention dropped is refused, and names the oldest position that is left', async () => {
  await march();
  await orm.em.fork().execute('delete from webhook_log where position <= 4');
  await timed(...Array.from({ length: 10 }, (_, index) => `2026-01-02T00:00:0${index}.000Z`));
  for (const to of [{ position: '1' }, { position: '4' }, { at: new Date('2026-01-02T00:00:03.000Z') }]) {
    const [code, message] = await refusal(to);
    expect([code, message]).toEqual(['BAD_USER_INPUT', expect.stringContaining('position 5 is the oldest')]);
  }
  await rewind({ position: '5' });
  // The one before it is gone: none.
  expect(await cursor()).toMatchObject({ position: 4, previous: 0 });
});

test('an endpoint that has no position cannot be rewound', async () => {
  await storeLog(orm, ['a.a']);
  await storeCursor(orm, { endpointId: 'crm', position: null });
  expect((await refusal({ position: '1' }))[0]).toBe('CONFLICT');
});

test('two rewinds at once come one after the other: the second finds the cursor of the first', async () => {
  await march();
  const results = await Promise.allSettled([rewind({ position: '2' }), rewind({ position: '9' })]);
  const failed = results.filter(({ status }) => status === 'rejected').length;
  // The one to 9 is either the first, or lies ahead.
  expect((await cursor()).position).toBe(1);
  expect(failed).toBeLessThanOrEqual(1);
});

/** A log of ten events, a gap, and three events after it, all settled; events have a second each. */
async function marchOverGap() {
  await march(2_003);
  await storeGap(orm, 11, 2_000);
  await storeLog(orm, ['a.a', 'a.a', 'a.a'], 2_000);
  await orm.em
    .fork()
    .execute(`update webhook_log set positioned_at = '2026-01-02T00:00:00Z'::timestamptz + position * interval '1s'`);
}

const second = (count: number) => new Date(Date.UTC(2026, 0, 2) + count * 1_000);

test.each<[string, RewindTo, number, number]>([
  ['just before it', { position: '10' }, 9, 9],
  ['its beginning', { position: '11' }, 2_000, 10],
  ['inside it', { position: '500' }, 2_000, 10],
  ['its end', { position: '2000' }, 2_000, 10],
  ['just behind it', { position: '2001' }, 2_000, 10],
  ['behind it', { position: '2002' }, 2_001, 2_001],
  ['before all', { position: '0' }, 0, 0],
  ['a time before it', { at: second(10) }, 9, 9],
  ['a time within it', { at: second(500) }, 2_000, 10],
  ['a time behind it', { at: second(2_003) }, 2_002, 2_002],
])('a rewind skips a gap of the log: to %s', async (_, to, position, previous) => {
  await marchOverGap();
  await rewind(to);
  expect(await cursor()).toMatchObject({ position, previous });
});

test('beside a gap of the log, too, a rewind to what retention dropped is refused', async () => {
  await marchOverGap();
  await orm.em.fork().execute('delete from webhook_log where position <= 3');
  expect((await refusal({ position: '3' }))[1]).toMatch('position 4 is the oldest');
  await rewind({ position: '4' });
  await orm.em.fork().execute('delete from webhook_log where position < 2001');
  for (const to of [{ position: '3' }, { at: second(3) }]) {
    await orm.em.fork().nativeUpdate(WebhookCursor, 'crm', { position: 2_003 });
    expect((await refusal(to))[1]).toMatch('position 2001 is the oldest');
  }
  await rewind({ position: '500' });
  expect(await cursor()).toMatchObject({ position: 2_000, previous: 0 });
});

test('a time after the last event is refused when the log ends with a gap, and the gap is not in the future', async () => {
  await march();
  await storeGap(orm, 11, 2_000);
  await timed(...Array.from({ length: 10 }, (_, index) => `2026-01-02T00:00:0${index}.000Z`));
  expect((await refusal({ at: second(20) }))[1]).toMatch('no event is that late');
  await rewind({ position: '500' });
  expect(await cursor()).toMatchObject({ position: 2_000, previous: 10 });
});
