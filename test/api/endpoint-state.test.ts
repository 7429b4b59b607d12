import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Door, endpoint, openDoor } from './door.ts';
import { EndpointOutcomes } from '../../src/model/endpoint-outcomes.ts';
import { emptyLog, storeSeries } from '../support/recorded-events.ts';
import { storeCursor, storeDelivery, storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  await emptyLog(door.orm);
  for (const table of ['webhook_deliveries', 'webhook_cursors', 'webhook_endpoint_outcomes']) {
    await door.orm.em.fork().execute(`delete from ${table}`);
  }
});
afterAll(async () => await door[Symbol.asyncDispose]());

async function stateOf(id = 'crm') {
  const { data, errors } = await door.ask(
    'query ($id: ID!) { webhookEndpoint(id: $id) { state pauseReason backlog oldestUnsettledAt nextAttemptAt lastError } }',
    { id },
  );
  expect(errors).toBeUndefined();
  return data.webhookEndpoint;
}

const idle = {
  state: 'ACTIVE',
  pauseReason: null,
  backlog: 0,
  oldestUnsettledAt: null,
  nextAttemptAt: null,
  lastError: null,
};

test('an endpoint without a position, and an idle one, are ACTIVE without a backlog', async () => {
  door.endpoints = [endpoint({ id: 'new' }), endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 12, examined: 12 });
  expect(await stateOf('new')).toEqual(idle);
  expect(await stateOf('crm')).toEqual(idle);
});

test('a disabled endpoint is DISABLED with no backlog, paused or not', async () => {
  door.endpoints = [endpoint({ id: 'crm', enabled: false })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0, backlog: 5, pauseReason: 'admin' });
  await storeEvent(door.orm, { position: 1 });
  expect(await stateOf()).toMatchObject({
    state: 'DISABLED',
    backlog: 0,
    oldestUnsettledAt: null,
    nextAttemptAt: null,
  });
});

const recordedAt = new Date('2026-11-23T12:00:00.000Z');
const retrying = {
  status: 'retrying' as const,
  errorMessage: 'HTTP 503',
  position: 5,
  generation: 3,
  resumes: 2,
  waitMs: 4000,
  recordedAt,
};

test('an endpoint whose first unsettled event has a failed attempt is RETRYING and says when and why', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4, examined: 5, backlog: 1, resumes: 2 });
  const event = await storeEvent(door.orm, { position: 5 });
  await storeDelivery(door.orm, { position: 4, generation: 3, resumes: 2, createdAt: new Date(0) });
  await storeDelivery(door.orm, { ...retrying, createdAt: new Date(1000), waitMs: 1, errorMessage: 'HTTP 500' });
  await storeDelivery(door.orm, { ...retrying, createdAt: new Date(2000), attemptCount: 2 });
  expect(await stateOf()).toEqual({
    state: 'RETRYING',
    pauseReason: null,
    backlog: 1,
    oldestUnsettledAt: event.createdAt.toISOString(),
    nextAttemptAt: '2026-11-23T12:00:04.000Z',
    lastError: 'HTTP 503',
  });
});

test('after a resume the failed attempt still shows, but no time to wait for', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4, resumes: 3 });
  await storeDelivery(door.orm, retrying);
  expect(await stateOf()).toMatchObject({ state: 'RETRYING', nextAttemptAt: null, lastError: 'HTTP 503' });
});

test.each([
  ['is settled by a later attempt', { attemptCount: 2, status: 'delivered' as const }, {}],
  ['lies at or below the cursor', {}, { position: 5 }],
  ['is of an older generation', {}, { generation: 4 }],
])('a failed attempt that %s makes no endpoint RETRYING', async (_, later, cursor) => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4, ...cursor });
  await storeDelivery(door.orm, { ...retrying, createdAt: new Date(1000) });
  if (Object.keys(later).length > 0)
    await storeDelivery(door.orm, { ...retrying, errorMessage: null, createdAt: new Date(2000), ...later });
  expect(await stateOf()).toMatchObject({ state: 'ACTIVE', nextAttemptAt: null });
});

test.each(['test', 'replay'] as const)(
  'a failed %s, which is beside the line, makes no endpoint RETRYING',
  async (origin) => {
    door.endpoints = [endpoint({ id: 'crm' })];
    await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4 });
    await storeDelivery(door.orm, { ...retrying, origin });
    expect(await stateOf()).toEqual(idle);
  },
);

test('another endpoint’s attempts concern no other endpoint', async () => {
  door.endpoints = [endpoint({ id: 'crm' }), endpoint({ id: 'shop' })];
  for (const { id } of door.endpoints) {
    await storeCursor(door.orm, { endpointId: id, generation: 3, position: 4, resumes: 2 });
  }
  await storeDelivery(door.orm, { ...retrying, endpointId: 'shop' });
  const { data } = await door.ask('{ webhookEndpoints { id state } }');
  expect(data.webhookEndpoints).toEqual([
    { id: 'crm', state: 'ACTIVE' },
    { id: 'shop', state: 'RETRYING' },
  ]);
});

test.each(['admin', 'gone', 'exhausted'] as const)(
  'an endpoint paused as %s is PAUSED and keeps its backlog',
  async (pauseReason) => {
    door.endpoints = [endpoint({ id: 'crm' })];
    await storeCursor(door.orm, {
      endpointId: 'crm',
      generation: 3,
      position: 4,
      examined: 4,
      resumes: 2,
      pauseReason,
    });
    await storeDelivery(door.orm, retrying);
    await storeEvent(door.orm, { position: 5 });
    expect(await stateOf()).toMatchObject({
      ...{ state: 'PAUSED', pauseReason: pauseReason.toUpperCase() },
      ...{ backlog: 1, nextAttemptAt: null },
    });
  },
);

test('the backlog is what the owner counted, and what came, less what was settled since', async () => {
  door.endpoints = [endpoint({ id: 'crm', events: ['order.*'] })];
  // The owner had seen up to 6, of which 4 and 6 were for this endpoint, and neither 5.
  await storeCursor(door.orm, {
    endpointId: 'crm',
    generation: 3,
    position: 3,
    examined: 6,
    backlog: 2,
    filter: 'order.*',
  });
  const ids = new Map<number, string>();
  for (const [position, type] of [
    [4, 'order.paid'],
    [5, 'user.login'],
    [6, 'order.paid'],
    [7, 'order.paid'],
    [8, 'user.login'],
    [9, 'order_paid'],
  ] as const) {
    const { id } = await storeEvent(door.orm, { position, type, createdAt: new Date(position * 1000) });
    ids.set(position, id);
  }
  await storeEvent(door.orm, { position: 10, type: 'order.paid', addressedTo: 'crm', createdAt: new Date(10_000) });
  await storeEvent(door.orm, { position: null, type: 'order.waits', createdAt: new Date(11_000) });
  // 4, 6, 7 and the one without a position.
  expect(await stateOf()).toMatchObject({ backlog: 4, oldestUnsettledAt: '1970-01-01T00:00:04.000Z' });

  const store = async (position: number, given: Parameters<typeof storeDelivery>[1] = {}) => {
    const row = { endpointId: 'crm', generation: 3, eventId: ids.get(position)!, position };
    await storeDelivery(door.orm, { ...row, ...given });
  };
  await store(4);
  await store(4);
  await store(6, { status: 'failed', errorMessage: 'HTTP 500' });
  await store(7, { status: 'retrying', errorMessage: 'HTTP 500' });
  await store(7, { generation: 2 });
  await store(7, { origin: 'replay' });
  expect(await stateOf()).toMatchObject({ backlog: 2, oldestUnsettledAt: '1970-01-01T00:00:07.000Z' });

  await store(7);
  expect(await stateOf()).toMatchObject({ backlog: 1, oldestUnsettledAt: '1970-01-01T00:00:11.000Z' });
});

test('a backlog that was counted with another filter does not count', async () => {
  door.endpoints = [endpoint({ id: 'crm', events: ['user.*'] })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0, examined: 2, backlog: 2, filter: 'order.*' });
  await storeEvent(door.orm, { position: 1, type: 'user.login' });
  await storeEvent(door.orm, { position: 2, type: 'order.paid' });
  expect((await stateOf()).backlog).toBe(1);
});

test('the backlog is never below 0, and above 10,000 it is 10,000', async () => {
  door.endpoints = [endpoint({ id: 'few' }), endpoint({ id: 'many' })];
  await storeCursor(door.orm, { endpointId: 'few', position: 0, examined: 9, backlog: 0 });
  await storeDelivery(door.orm, { endpointId: 'few', position: 3 });
  await storeCursor(door.orm, { endpointId: 'many', position: 0, examined: 9, backlog: 2_000_000 });
  const { data } = await door.ask('{ webhookEndpoints { backlog } }');
  expect(data.webhookEndpoints).toEqual([{ backlog: 0 }, { backlog: 10_000 }]);
});

test('a backlog that nobody counted yet is exact, however far ahead its events are', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 5, examined: 5 });
  for (const position of [5, 6, 1_000_005, 1_000_006, 1_000_007]) {
    await storeEvent(door.orm, { position, type: 'order.paid' });
  }
  await storeDelivery(door.orm, { position: 1_000_006 });
  expect((await stateOf()).backlog).toBe(3);
});

test('a backlog of more than 10,000 that nobody counted yet is 10,000, whatever was settled above the cursor', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0, examined: 0 });
  await storeSeries(door.orm, 1, 10_600);
  for (let position = 1; position <= 5; position += 1) await storeDelivery(door.orm, { position });
  expect((await stateOf()).backlog).toBe(10_000);
});

const before = new Date('2026-11-23T10:00:00.000Z');
const after = new Date('2026-11-23T11:00:00.000Z');
const later = new Date('2026-11-23T12:00:00.000Z');
const failed = { status: 'failed' as const, errorMessage: 'HTTP 500', generation: 3 };
const delivered = { status: 'delivered' as const, generation: 3 };

type Stored = { deliveredAt?: Date; failedAt?: Date; error?: string };

test.each<[string, Stored, object | null, object]>([
  ['never was sent anything', {}, null, { lastError: null, lastErrorAt: null, lastDeliveredAt: null }],
  [
    'failed last',
    { deliveredAt: before, failedAt: after, error: 'HTTP 500' },
    null,
    { lastError: 'HTTP 500', lastErrorAt: after.toISOString(), lastDeliveredAt: before.toISOString() },
  ],
  [
    'delivered last',
    { deliveredAt: after, failedAt: before, error: 'HTTP 500' },
    null,
    { lastError: null, lastErrorAt: null, lastDeliveredAt: after.toISOString() },
  ],
  // A row above the cursor may be newer than what is stored of outcomes.
  [
    'has just failed',
    { deliveredAt: after },
    { ...failed, createdAt: later },
    { lastError: 'HTTP 500', lastErrorAt: later.toISOString(), lastDeliveredAt: after.toISOString() },
  ],
  [
    'has just delivered',
    { failedAt: after, error: 'HTTP 503' },
    { ...delivered, createdAt: later },
    { lastError: null, lastErrorAt: null, lastDeliveredAt: later.toISOString() },
  ],
  [
    'waits for a retry, and was sent a test since',
    { deliveredAt: later },
    { ...retrying, createdAt: before },
    { lastError: null, lastErrorAt: null, lastDeliveredAt: later.toISOString() },
  ],
])('an endpoint that %s says so', async (_, stored, row, says) => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4, resumes: 2 });
  if (Object.keys(stored).length > 0)
    await door.orm.em.fork().insert(EndpointOutcomes, { endpointId: 'crm', ...stored });
  if (row) await storeDelivery(door.orm, { position: 5, resumes: 2, ...row });
  const { data } = await door.ask('{ webhookEndpoint(id: "crm") { lastError lastErrorAt lastDeliveredAt position } }');
  expect(data.webhookEndpoint).toEqual({ ...says, position: '4' });
});

test('an endpoint says since when it is paused, whoever paused it, and when its settings give up', async () => {
  door.endpoints = [
    endpoint({ id: 'crm', baseDelayMs: 10_000 }),
    endpoint({ id: 'off', enabled: false, maxRetries: 0 }),
    endpoint({ id: 'holds', onExhausted: 'hold' }),
  ];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0 });
  const fields = '{ pausedAt pauseReason position givesUpAfter }';
  const paused = (await door.ask(`mutation { pauseWebhookEndpoint(id: "crm") ${fields} }`)).data.pauseWebhookEndpoint;
  expect(Math.abs(Date.now() - Date.parse(paused.pausedAt as string))).toBeLessThan(60_000);
  expect(paused).toMatchObject({ pauseReason: 'ADMIN', position: '0', givesUpAfter: '5m10s' });
  // Once more changes nothing.
  const again = (await door.ask(`mutation { pauseWebhookEndpoint(id: "crm") ${fields} }`)).data.pauseWebhookEndpoint;
  expect(again).toEqual(paused);
  const resumed = (await door.ask(`mutation { resumeWebhookEndpoint(id: "crm") ${fields} }`)).data;
  expect(resumed.resumeWebhookEndpoint).toMatchObject({ pausedAt: null, pauseReason: null });
  const { data } = await door.ask(`{ webhookEndpoint(id: "off") ${fields} }`);
  expect(data.webhookEndpoint).toEqual({ pausedAt: null, pauseReason: null, position: '0', givesUpAfter: '0s' });
  const holds = (await door.ask('{ webhookEndpoint(id: "holds") { givesUpAfter } }')).data.webhookEndpoint;
  expect(holds).toEqual({ givesUpAfter: null });
});
