import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import type { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import type { WebhookEvent } from '../../src/model/webhook-event.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import { emptyLog } from '../support/recorded-events.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor, storeDelivery, storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  await emptyLog(door.orm);
  await door.orm.em.fork().execute('truncate webhook_deliveries, webhook_cursors, webhook_replays');
});
afterAll(async () => await door[Symbol.asyncDispose]());

type Outcome = { endpointId: string; outcome: string; attempts: number; lastDelivery: { id: string } | null };

async function outcomesOf(id: string, args = ''): Promise<Outcome[]> {
  const { data, errors } = await door.ask(
    `query ($id: ID!) { webhookEvent(id: $id) { outcomes${args} { endpointId outcome attempts lastDelivery { id } } } }`,
    { id },
  );
  expect(errors).toBeUndefined();
  return data.webhookEvent.outcomes;
}

async function queue(origin: 'replay' | 'test', eventId: string): Promise<string> {
  const id = randomUUID();
  await door.orm.em
    .fork()
    .execute('insert into webhook_replays (id, endpoint_id, event_id, position, origin) values (?, ?, ?, 5, ?)', [
      id,
      'crm',
      eventId,
      origin,
    ]);
  return id;
}

type Row = Pick<WebhookDelivery, 'status'> & Partial<WebhookDelivery>;
type World = {
  endpoint?: Partial<Endpoint>;
  /** Null: the endpoint has none. The event is at 5, and the endpoint has come to 4. */
  cursor?: Partial<WebhookCursor> | null;
  event?: Partial<WebhookEvent> & { position?: number | null };
  rows?: Row[];
  queued?: 'replay' | 'test';
  /** The rows beside the line are of what is queued. */
  isTried?: boolean;
};
const [delivered, retrying, failed] = (['delivered', 'retrying', 'failed'] as const).map((status): Row => ({ status }));
const old = { generation: 2 };
const replay = { origin: 'replay' as const };
const addressed = { origin: 'test' as const };

test.each<[string, string, World]>([
  ['PENDING', 'is next', {}],
  ['PENDING', 'has no position yet', { event: { position: null } }],
  ['PENDING', 'is next after a rewind, whatever became of it before', { rows: [{ ...failed!, ...old }] }],
  ['PENDING', 'waits for an endpoint that an admin paused', { cursor: { pauseReason: 'admin' } }],
  ['RETRYING', 'failed and waits for a retry', { rows: [retrying!, retrying!] }],
  ['RETRYING', 'was answered 410', { rows: [retrying!], cursor: { pauseReason: 'gone' } }],
  ['HELD', 'spent its attempts and is held', { rows: [retrying!, retrying!], cursor: { pauseReason: 'exhausted' } }],
  ['PENDING', 'is behind one that is held', { cursor: { pauseReason: 'exhausted' } }],
  ['DELIVERED', 'was delivered', { rows: [retrying!, delivered!], cursor: { position: 5 } }],
  ['DELIVERED', 'was delivered a moment ago', { rows: [delivered!] }],
  ['FAILED', 'was given up', { rows: [retrying!, failed!], cursor: { position: 5 } }],
  ['FAILED', 'was given up a moment ago', { rows: [failed!] }],
  ['DELIVERED', 'failed and was replayed', { rows: [failed!, { ...delivered!, ...replay }], cursor: { position: 9 } }],
  ['FAILED', 'failed again as a replay', { rows: [failed!, { ...failed!, ...replay }], cursor: { position: 9 } }],
  ['PENDING', 'failed and is to be replayed', { rows: [failed!], cursor: { position: 9 }, queued: 'replay' }],
  [
    'RETRYING',
    'failed as a replay, too, and waits',
    { rows: [failed!, { ...retrying!, ...replay }], cursor: { position: 9 }, queued: 'replay', isTried: true },
  ],
  [
    'FAILED',
    'was delivered, rewound to and given up',
    { rows: [{ ...delivered!, ...old }, failed!], cursor: { position: 9 } },
  ],
  [
    'DELIVERED',
    'was given up, rewound to and delivered',
    { rows: [{ ...failed!, ...old }, delivered!], cursor: { position: 9 } },
  ],
  [
    'DELIVERED',
    'was delivered, and is not by the present filter',
    { rows: [delivered!], cursor: { position: 9 }, endpoint: { events: ['user.*'] } },
  ],
  [
    'DELIVERED',
    'was delivered before the endpoint was disabled',
    { rows: [delivered!], cursor: { position: null }, endpoint: { enabled: false } },
  ],
  [
    'NOT_SUBSCRIBED',
    'waited for a retry when the endpoint was disabled',
    { rows: [retrying!], cursor: { position: null }, endpoint: { enabled: false } },
  ],
  ['NOT_SUBSCRIBED', 'is not by the present filter', { endpoint: { events: ['user.*'] } }],
  [
    'NOT_SUBSCRIBED',
    'is not by the present filter and has no position',
    { event: { position: null }, endpoint: { events: ['user.*'] } },
  ],
  ['NOT_SUBSCRIBED', 'was passed under another filter, or before the endpoint was added', { cursor: { position: 9 } }],
  ['NOT_SUBSCRIBED', 'comes to an endpoint without a place', { cursor: null }],
  ['NOT_SUBSCRIBED', 'is addressed to another', { event: { addressedTo: 'shop' } }],
  ['PENDING', 'is a test that waits', { event: { addressedTo: 'crm', position: null }, queued: 'test' }],
  [
    'RETRYING',
    'is a test that failed',
    { event: { addressedTo: 'crm' }, queued: 'test', rows: [{ ...retrying!, ...addressed }], isTried: true },
  ],
  [
    'DELIVERED',
    'is a test that was delivered',
    { event: { addressedTo: 'crm' }, rows: [{ ...delivered!, ...addressed }] },
  ],
])('%s is an event that %s', async (outcome, _, world) => {
  door.endpoints = [endpoint({ id: 'crm', events: ['order.*'], ...world.endpoint })];
  const cursor = { endpointId: 'crm', generation: 3, position: 4, resumes: 1 };
  if (world.cursor !== null) await storeCursor(door.orm, { ...cursor, ...world.cursor });
  const { id, createdAt } = await storeEvent(door.orm, { position: 5, ...world.event });
  const replayId = world.queued ? await queue(world.queued, id) : null;
  let last: string | null = null;
  for (const row of world.rows ?? []) {
    const given = { eventId: id, position: 5, generation: 3, createdAt, ...row };
    const ofQueue = world.isTried && row.origin !== undefined ? { replayId } : {};
    ({ id: last } = await storeDelivery(door.orm, { ...given, ...ofQueue }));
    await storeDelivery(door.orm, { ...given, endpointId: 'other', status: 'delivered' });
  }
  expect(await outcomesOf(id)).toEqual([
    { endpointId: 'crm', outcome, attempts: world.rows?.length ?? 0, lastDelivery: last && { id: last } },
  ]);
});

test('outcomes come by the id of the endpoint, in pages of ids, each endpoint by its own rows', async () => {
  const ids = Array.from({ length: 7 }, (_, index) => `e${6 - index}`);
  door.endpoints = ids.map((id) => endpoint({ id }));
  const { id } = await storeEvent(door.orm, { position: 5 });
  for (const endpointId of ids) await storeCursor(door.orm, { endpointId, generation: 3, position: 4 });
  for (const endpointId of ['e2', 'e5'])
    await storeDelivery(door.orm, { endpointId, eventId: id, generation: 3, position: 5 });
  const all = ['PENDING', 'PENDING', 'DELIVERED', 'PENDING', 'PENDING', 'DELIVERED', 'PENDING'];
  const named = all.map((outcome, index) => [`e${index}`, outcome]);
  const page = async (args?: string) =>
    (await outcomesOf(id, args)).map(({ endpointId, outcome }) => [endpointId, outcome]);
  expect(await page()).toEqual(named);
  expect(await page('(first: 3)')).toEqual(named.slice(0, 3));
  expect(await page('(first: 3, after: "e1")')).toEqual(named.slice(2, 5));
  expect(await page('(after: "e4x")')).toEqual(named.slice(5));
  expect(await page('(after: "z")')).toEqual([]);
  expect(await page('(first: 0)')).toEqual([]);
  for (const after of ['', 'E1', 'e'.repeat(64)]) {
    const { errors } = await door.ask(`{ webhookEvent(id: "${id}") { outcomes(after: "${after}") { outcome } } }`);
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: 'after' } }]);
  }
});

test('the outcomes of several events are each their own', async () => {
  door.endpoints = [endpoint({ id: 'crm' }), endpoint({ id: 'shop', events: ['user.*'] })];
  for (const endpointId of ['crm', 'shop']) await storeCursor(door.orm, { endpointId, generation: 3, position: 1 });
  const first = await storeEvent(door.orm, { position: 1, createdAt: new Date(Date.now() - 86_400_000) });
  await storeDelivery(door.orm, { eventId: first.id, generation: 3, createdAt: first.createdAt, status: 'failed' });
  await storeEvent(door.orm, { position: 2, type: 'user.login' });
  const { data } = await door.ask(
    '{ webhookEvents { nodes { outcomes { endpointId outcome } some: outcomes(first: 1) { attempts } } } }',
  );
  expect(data.webhookEvents.nodes).toEqual([
    {
      outcomes: [
        { endpointId: 'crm', outcome: 'PENDING' },
        { endpointId: 'shop', outcome: 'PENDING' },
      ],
      some: [{ attempts: 0 }],
    },
    {
      outcomes: [
        { endpointId: 'crm', outcome: 'FAILED' },
        { endpointId: 'shop', outcome: 'NOT_SUBSCRIBED' },
      ],
      some: [{ attempts: 1 }],
    },
  ]);
});

test('more than 10,000 outcomes at once are refused', async () => {
  door.endpoints = Array.from({ length: 200 }, (_, index) => endpoint({ id: `e${index}` }));
  for (let position = 1; position <= 51; position += 1) await storeEvent(door.orm, { position });
  const query = 'query ($first: Int) { webhookEvents(first: $first) { nodes { outcomes { outcome } } } }';
  expect((await door.ask(query, { first: 50 })).errors).toBeUndefined();
  expect((await door.ask(query, { first: 51 })).errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
});
