import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import type { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { deliveriesBy } from '../../src/api/graphql/delivery-filter.ts';
import { type ReplayWish, countReplays, forgetReplays, queueReplays } from '../../src/operations/replay.ts';
import { Refusal } from '../../src/policy/refusal.ts';
import { storeCursor, storeDelivery } from '../api/stored-rows.ts';
import { type StoredEvent, clearTables, storeLog } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { storeSeries } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: MikroORM;
let events: StoredEvent[];

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'replay-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await clearTables(orm);
  events = await storeLog(orm, Array<string>(5).fill('a.a'));
  for (const endpointId of ['crm', 'erp']) await storeCursor(orm, { endpointId, position: 5 });
});

const enabled = new Set(['crm', 'erp']);
const count = (wish: ReplayWish) => orm.em.fork().transactional((em) => countReplays(em, wish, enabled));

/** What a dry run says before is what is queued. */
async function queue(wish: ReplayWish): Promise<{ endpoints: string[]; queued: number }> {
  const told: unknown = await count(wish).catch((error: unknown) => error);
  const done = await orm.em.fork().transactional((em) => queueReplays(em, wish, enabled));
  expect(told).toBe(done.queued);
  return done;
}
const window = (since: Date | null = null, until: Date | null = null) => ({
  where: deliveriesBy({ endpointId: 'crm', since, until }),
});

async function refusal(wish: ReplayWish): Promise<[string, string]> {
  const before = await items();
  const error: unknown = await queue(wish).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Refusal);
  const dry: unknown = await count(wish).catch((thrown: unknown) => thrown);
  expect(dry).toEqual(error);
  expect(await items()).toEqual(before);
  return [(error as Refusal).code, (error as Refusal).message];
}

/** A row of the event at that place of the log, from 1. */
async function attempt(position: number, given: Partial<WebhookDelivery> = {}): Promise<string> {
  const eventId = events[position - 1]!.id;
  return (await storeDelivery(orm, { eventId, position, status: 'failed', ...given })).id;
}

/** What waits, in the order in which it will be sent: endpoint and position. */
async function items(): Promise<[string, number][]> {
  const stored = await orm.em.fork().find(Replay, {}, { orderBy: { id: 'asc' } });
  const positions = new Map(events.map(({ id, position }) => [id, position]));
  return stored.map(({ endpointId, eventId }) => [endpointId, positions.get(eventId)!]);
}

test('failed deliveries are queued by their ids, once for each endpoint and event, in log order', async () => {
  const ids = [
    await attempt(4),
    await attempt(2),
    await attempt(2),
    await attempt(3, { endpointId: 'erp' }),
    await attempt(2, { endpointId: 'erp' }),
  ];
  await attempt(1);
  expect(await queue({ deliveryIds: [...ids, ids[0]!] })).toEqual({ endpoints: ['crm', 'erp'], queued: 4 });
  expect(await items()).toEqual([
    ['crm', 2],
    ['erp', 2],
    ['erp', 3],
    ['crm', 4],
  ]);
  expect(await orm.em.fork().count(Replay, { origin: 'replay' })).toBe(4);
});

test('all that failed for good at an endpoint in a window is queued, its beginning included and its end not', async () => {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 0, 0, second));
  await attempt(1, { createdAt: at(1) });
  await attempt(2, { createdAt: at(2) });
  await attempt(3, { createdAt: at(3), status: 'retrying' });
  await attempt(4, { createdAt: at(3), status: 'delivered' });
  await attempt(3, { createdAt: at(3), endpointId: 'erp' });
  await attempt(5, { createdAt: at(4) });
  expect(await queue(window(at(2), at(4)))).toEqual({ endpoints: ['crm'], queued: 1 });
  expect(await items()).toEqual([['crm', 2]]);
  expect((await queue(window(null, at(2)))).queued).toBe(1);
  expect((await queue(window(at(3), null))).queued).toBe(1);
  expect((await queue(window())).queued).toBe(0);
  expect(await items()).toHaveLength(3);
});

test('what was delivered since it failed is left out, and what failed again since it was delivered is not', async () => {
  await attempt(1);
  await attempt(1, { status: 'delivered', origin: 'replay' });
  await attempt(2);
  await attempt(2, { status: 'delivered', endpointId: 'erp' });
  await attempt(3, { status: 'delivered' });
  await attempt(3, { generation: 2 });
  expect((await queue(window())).queued).toBe(2);
  expect(await items()).toEqual([
    ['crm', 2],
    ['crm', 3],
  ]);
});

test('a replay that waits already is not queued again, and can be once it is over', async () => {
  const id = await attempt(2);
  expect((await queue({ deliveryIds: [id] })).queued).toBe(1);
  const [item] = await orm.em.fork().find(Replay, {});
  expect((await queue({ deliveryIds: [id] })).queued).toBe(0);
  expect((await queue(window())).queued).toBe(0);
  expect(await orm.em.fork().find(Replay, {})).toEqual([item]);
  await orm.em.fork().nativeDelete(Replay, {});
  expect((await queue({ deliveryIds: [id] })).queued).toBe(1);
});

test('a failed test can be replayed, too', async () => {
  const id = await attempt(2, { origin: 'test', eventType: 'webhook.test' });
  expect((await queue({ deliveryIds: [id] })).queued).toBe(1);
});

test('one id that cannot be replayed refuses them all', async () => {
  const good = await attempt(1);
  const unknown = newId();
  const cases: [string, string, string][] = [
    [unknown, 'NOT_FOUND', `There is no delivery ${unknown}.`],
    [await attempt(2, { status: 'delivered' }), 'CONFLICT', 'it was delivered'],
    [await attempt(3, { status: 'retrying' }), 'CONFLICT', 'another attempt follows'],
    [await attempt(4, { endpointId: 'gone' }), 'CONFLICT', 'gone, which is removed or disabled'],
  ];
  for (const [id, code, sentence] of cases) {
    expect(await refusal({ deliveryIds: [good, id] })).toEqual([code, expect.stringContaining(sentence)]);
  }
  expect((await queue({ deliveryIds: [] })).queued).toBe(0);
});

test('all that failed and match a filter is queued, but not of endpoints that may not be sent to', async () => {
  await attempt(1, { eventType: 'a.b' });
  await attempt(1, { eventType: 'a.b', endpointId: 'erp' });
  await attempt(2, { eventType: 'a.b', endpointId: 'gone' });
  await attempt(3, { eventType: 'a.c' });
  await attempt(4, { eventType: 'a.b', status: 'delivered' });
  const by = (filter: Parameters<typeof deliveriesBy>[0]) => queue({ where: deliveriesBy(filter) });
  expect(await by({ eventType: 'a.b', status: 'delivered' })).toMatchObject({ queued: 0 });
  expect(await by({ eventType: 'a.b' })).toEqual({ endpoints: ['crm', 'erp'], queued: 2 });
  expect(await items()).toEqual([
    ['crm', 1],
    ['erp', 1],
  ]);
  expect(await by({ eventId: 'what is no id' })).toEqual({ endpoints: [], queued: 0 });
  expect(await by({ eventId: events[2]!.id })).toEqual({ endpoints: ['crm'], queued: 1 });
  expect(await by({})).toMatchObject({ queued: 0 });
});

test.each(['on', 'off'])('no text of a filter is read as SQL, with standard_conforming_strings %s', async (setting) => {
  const texts = [
    ...[
      "it's",
      `'`,
      `''`,
      `' or true --`,
      `'; drop table webhook_replays; --`,
      `\\`,
      `\\'`,
      `\\' or true --`,
      `E'\\\\'`,
    ],
    ...[
      '?',
      '??',
      '\\?',
      'what? :since ?? ?',
      '$1',
      '$$',
      '$$ or true --',
      '/* ',
      '--',
      '"',
      '%',
      '\n',
      '\u2019',
      '\ud83d\ude00',
    ],
  ];
  for (const [index, text] of texts.entries()) await attempt((index % 5) + 1, { eventType: text, endpointId: text });
  await orm.em.fork().transactional(async (em) => {
    await em.execute(`set local standard_conforming_strings = ${setting}`);
    const may = new Set(['crm', ...texts]);
    for (const text of texts) {
      const by = (filter: Parameters<typeof deliveriesBy>[0]) => countReplays(em, { where: deliveriesBy(filter) }, may);
      expect([text, await by({ endpointId: text, eventType: text })]).toEqual([text, 1]);
      expect([text, await by({ eventType: text, subject: text })]).toEqual([text, 0]);
    }
  });
  for (const text of ['\0', `'\0`, '\ud83d']) expect(deliveriesBy({ eventType: text })).toBeNull();
});

test('a dry run counts, and queues nothing', async () => {
  const ids = [await attempt(1), await attempt(2), await attempt(2)];
  await attempt(3);
  expect(await count({ deliveryIds: ids })).toBe(2);
  expect(await count(window())).toBe(3);
  expect(await items()).toEqual([]);
  await queue({ deliveryIds: ids.slice(0, 1) });
  expect(await count(window())).toBe(2);
});

test('a cancel forgets the replays of one endpoint that wait or retry, and no test', async () => {
  await attempt(1);
  await attempt(2);
  await attempt(2, { endpointId: 'erp' });
  await queue({ where: deliveriesBy({}) });
  const aTest = { id: newId(), endpointId: 'crm', eventId: events[4]!.id, position: null, origin: 'test' as const };
  await orm.em.fork().insert(Replay, aTest);
  expect(await orm.em.fork().transactional((em) => forgetReplays(em, 'crm'))).toBe(2);
  expect(await items()).toEqual([
    ['erp', 2],
    ['crm', 5],
  ]);
  expect(await orm.em.fork().transactional((em) => forgetReplays(em, 'crm'))).toBe(0);
  // What was forgotten can be replayed again.
  expect((await queue(window())).queued).toBe(2);
});

test('a delivery whose event is no longer kept is left out', async () => {
  const id = (await storeDelivery(orm, { status: 'failed' })).id;
  expect((await queue({ deliveryIds: [id] })).queued).toBe(0);
});

test('100,000 are queued at once, in order, and one more is refused', async () => {
  await storeSeries(orm, 6, 100_006);
  const em = orm.em.fork();
  // A statement has a limit, and a busy machine much to do.
  for (let above = 5; above < 100_006; above += 10_000) {
    await em.execute(
      `insert into webhook_deliveries (id, event_id, event_type, endpoint_id, endpoint_url, status, attempt_count,
                                       created_at, position, configuration, generation, resumes, origin, writer, batch)
         select gen_random_uuid(), event_id, type, 'crm', 'https://crm.example.com', 'failed', 1,
                now(), position, 1, 1, 0, 'line', gen_random_uuid(), 1
           from webhook_log where position > ? and position <= ?`,
      [above, above + 10_000],
    );
  }
  for (const table of ['webhook_events', 'webhook_log', 'webhook_deliveries']) await em.execute(`analyze ${table}`);
  expect((await refusal(window()))[1]).toBe(
    'More than 100000 failed deliveries match: choose a shorter time (since, until) or a narrower filter, and call again for the rest.',
  );
  await orm.em.fork().execute('delete from webhook_deliveries where position = 100006');
  expect((await queue(window())).queued).toBe(100_000);
  const [order] = await orm.em.fork().execute<{ ascending: boolean }[]>(
    `select bool_and(position > before) as ascending from (
       select e.position, lag(e.position, 1, 0) over (order by s.id) as before
         from webhook_replays s join webhook_log e on e.event_id = s.event_id) items`,
  );
  expect(order).toEqual({ ascending: true });
});
