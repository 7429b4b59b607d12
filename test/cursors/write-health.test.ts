import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { HealthRow } from '../../src/cursors/health-writer.ts';
import { assignCursors } from '../../src/cursors/assign-cursors.ts';
import { loadCursors } from '../../src/cursors/load-cursors.ts';
import { writeHealth } from '../../src/cursors/write-health.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { operationalEvents } from '../support/operational-events.ts';
import { clearTables, serverOf, storeAttempts, storeLog } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;
let server: string;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'health-test' });
  server = await serverOf(orm);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const me = randomUUID();
const fence = { generation: 1, owner: me, ownerEpoch: 6 };
const stored = (id: string, given: Partial<WebhookCursor> = {}) =>
  storeCursor(orm, { endpointId: id, position: 0, owner: me, ownerEpoch: 6, ...given });
const cursorOf = async (id: string) => await orm.em.fork().findOneOrFail(WebhookCursor, id);

/** `crm` has failed at this event. */
async function failedEvent() {
  const [event] = await storeLog(orm, ['order.paid']);
  await storeAttempts(orm, [{ event: event!, status: 'retrying', attemptCount: 3, waitMs: 5 }]);
  await orm.em.fork().execute(`update webhook_deliveries set error_message = 'HTTP 503'`);
  return { id: event!.id, type: event!.type, position: event!.position };
}

const rowOf = (id: string, given: Partial<HealthRow> = {}): HealthRow => {
  return { endpointId: id, ...fence, after: 0, changes: [], pause: null, ...given };
};

test('each change is stored with an event that tells of it, in their order, and a repeat tells nothing again', async () => {
  const event = await failedEvent();
  await stored('crm');
  await stored('erp', { failing: true, failingChanges: 3 });
  const rows = [
    rowOf('crm', { changes: [{ to: 'failing', event }, { to: 'well' }, { to: 'failing', event }] }),
    rowOf('erp', { after: 3, changes: [{ to: 'well' }] }),
  ];
  const told = [
    ['endpoint_failing', { endpoint_id: 'crm', event_id: event.id, error_message: 'HTTP 503' }],
    ['endpoint_recovered', { endpoint_id: 'crm' }],
    ['endpoint_failing', { endpoint_id: 'crm', event_id: event.id, error_message: 'HTTP 503' }],
    ['endpoint_recovered', { endpoint_id: 'erp' }],
  ];
  for (const time of ['the first time', 'again']) {
    const answer = await writeHealth(orm, rows, server);
    expect({ time, answer }).toEqual({ time, answer: { refused: new Set(), paused: new Set() } });
    expect(await operationalEvents(orm)).toEqual(told);
    expect(await cursorOf('crm')).toMatchObject({ failing: true, failingChanges: 3 });
    expect(await cursorOf('erp')).toMatchObject({ failing: false, failingChanges: 4 });
  }
  // What came since follows.
  await writeHealth(orm, [rowOf('crm', { after: 3, changes: [{ to: 'well' }] })], server);
  expect((await operationalEvents(orm)).at(-1)).toEqual(['endpoint_recovered', { endpoint_id: 'crm' }]);
});

test.each([
  ['of another generation', { generation: 3 }],
  ['that another instance serves', { owner: randomUUID() }],
  ['that was read again under a newer lease', { ownerEpoch: 7 }],
  ['that has changed meanwhile', { failingChanges: 2 }],
])('nothing is stored or told of an endpoint %s', async (_, given) => {
  await stored('crm', { failingSince: new Date(0), ...given });
  const before = await cursorOf('crm');
  const pause = 'failingChanges' in given ? null : { afterMs: 60_000, resumes: 0, event: null, isTold: true };
  const row = rowOf('crm', { changes: [{ to: 'failing', event: await failedEvent() }], pause });
  expect(await writeHealth(orm, [row], server)).toEqual({ refused: new Set(['crm']), paused: new Set() });
  expect(await cursorOf('crm')).toEqual(before);
  expect(await operationalEvents(orm)).toEqual([]);
});

test('on a database server that was not compared nothing is stored', async () => {
  await stored('crm');
  const row = rowOf('crm', { changes: [{ to: 'failing', event: await failedEvent() }] });
  expect((await writeHealth(orm, [row], 'another')).refused).toEqual(new Set(['crm']));
  expect((await writeHealth(orm, [row], null)).refused).toEqual(new Set(['crm']));
  expect(await operationalEvents(orm)).toEqual([]);
});

test('the database’s clock says whether every attempt has failed for long enough; the pause is told of once', async () => {
  const event = await failedEvent();
  const ago = async (ms: number) => {
    await orm.em
      .fork()
      .execute(`update webhook_cursors set failing_since = clock_timestamp() - ? * interval '1 ms'`, [ms]);
  };
  await stored('crm', { resumes: 2 });
  const pause = { afterMs: 60_000, resumes: 2, event, isTold: true };
  const row = rowOf('crm', { pause });
  const none = { refused: new Set(), paused: new Set() };
  expect(await writeHealth(orm, [row], server)).toEqual(none);
  await ago(50_000);
  expect(await writeHealth(orm, [row], server)).toEqual(none);
  await ago(60_000);
  // It was resumed since: its attempts begin anew.
  expect(await writeHealth(orm, [rowOf('crm', { pause: { ...pause, resumes: 1 } })], server)).toEqual(none);
  for (let time = 0; time < 2; time += 1) {
    expect(await writeHealth(orm, [row], server)).toEqual({ refused: new Set(), paused: new Set(['crm']) });
    expect(await cursorOf('crm')).toMatchObject({ pauseReason: 'failing', pausedAt: expect.any(Date) });
    expect(await operationalEvents(orm)).toEqual([
      ['endpoint_paused', { endpoint_id: 'crm', reason: 'FAILING', event_id: event.id, error_message: 'HTTP 503' }],
    ]);
  }
});

test('a pause by failed deliveries of operational events is told to nobody', async () => {
  const event = await failedEvent();
  await stored('crm', { resumes: 2, failingSince: new Date(Date.now() - 90_000) });
  const row = rowOf('crm', { pause: { afterMs: 60_000, resumes: 2, event, isTold: false } });
  expect(await writeHealth(orm, [row], server)).toEqual({ refused: new Set(), paused: new Set(['crm']) });
  expect(await operationalEvents(orm)).toEqual([]);
});

test('an endpoint that is disabled while it fails has recovered; of one that is removed nothing is told', async () => {
  await stored('crm', { failing: true });
  await stored('gone', { failing: true });
  const reload = () =>
    orm.em.fork().transactional((em) => assignCursors(em, [makeEndpoint({ id: 'crm', enabled: false })]));
  await reload();
  await reload();
  expect(await operationalEvents(orm)).toEqual([['endpoint_recovered', { endpoint_id: 'crm' }]]);
});

test('whoever loads a cursor sees what is stored of its health, and at the rows what is not', async () => {
  const events = await storeLog(orm, ['order.paid', 'order.paid']);
  let number = 0;
  const load = async () => {
    await orm.em.fork().execute('update webhook_leases set owner = ?, epoch = 6', [me]);
    number += 1;
    const question = { endpoint: makeEndpoint({ id: 'crm' }), lease: { index: shardOf('crm'), epoch: 6 }, number };
    return (await loadCursors(orm, me, [question], 2)).get('crm')!.health;
  };
  await stored('crm', { failing: true, failingChanges: 5, failingSince: new Date(Date.now() - 600_000) });
  const known = await load();
  expect(known).toMatchObject({ failing: true, changes: 5, isStored: true, wasDelivered: false });
  expect(known.failedMs).toBeGreaterThan(590_000);
  await storeAttempts(orm, [{ event: events[0]! }]);
  expect(await load()).toMatchObject({ failedMs: null, isStored: false, wasDelivered: true });
  await storeAttempts(orm, [{ event: events[1]!, status: 'retrying', attemptCount: 1, waitMs: 5, agoMs: -50 }]);
  const failed = { failedMs: 0, isStored: false, wasDelivered: false };
  expect(await load()).toMatchObject({ ...failed, failedBefore: new Map() });
  await orm.em.fork().execute('update webhook_cursors set resumes = resumes + 1');
  expect(await load()).toMatchObject({ ...failed, failedBefore: new Map([[events[1]!.position, 1]]) });
});

test('an order that skips an event, or that ends a hold, tells of it in its own transaction', async () => {
  const event = await failedEvent();
  await stored('crm', { pauseReason: 'exhausted' });
  const em = orm.em.fork();
  await em.execute('update webhook_leases set owner = ?, epoch = 6', [me]);
  await em.execute(
    `insert into webhook_orders (id, endpoint_id, kind, event_id) values (gen_random_uuid(), 'crm', 'skip', ?)`,
    [event.id],
  );
  const lease = { index: shardOf('crm'), epoch: 6 };
  await loadCursors(orm, me, [{ endpoint: makeEndpoint({ id: 'crm' }), lease, number: 1 }], 1);
  expect(await operationalEvents(orm)).toEqual([
    ['delivery_failed', { endpoint_id: 'crm', event_id: event.id, error_message: 'skipped: by an admin' }],
    ['endpoint_resumed', { endpoint_id: 'crm', reason: 'EXHAUSTED' }],
  ]);
});
