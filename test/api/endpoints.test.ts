import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bucketCount, bucketOf } from '../../src/policy/latency-histogram.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor, storeDelivery, storeEvent, storeStats } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  for (const table of ['webhook_events', 'webhook_deliveries', 'webhook_cursors', 'webhook_endpoint_stats']) {
    await door.orm.em.fork().execute(`delete from ${table}`);
  }
});
afterAll(async () => await door[Symbol.asyncDispose]());

async function standing(id = 'crm') {
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

test('an endpoint shows what the file says of it, in the order of the file, and never a secret', async () => {
  door.endpoints = [
    endpoint({ id: 'zeta', events: ['user.*', '*'], description: 'CRM sync', maxRetries: 7 }),
    endpoint({ id: 'alpha', enabled: false }),
  ];
  const { data } = await door.ask('{ webhookEndpoints { id url events enabled description ordering maxRetries } }');
  expect(data.webhookEndpoints).toEqual([
    {
      id: 'zeta',
      url: 'https://zeta.example.com/hooks',
      events: ['user.*', '*'],
      enabled: true,
      description: 'CRM sync',
      ordering: 'ENDPOINT',
      maxRetries: 7,
    },
    {
      id: 'alpha',
      url: 'https://alpha.example.com/hooks',
      events: ['*'],
      enabled: false,
      description: null,
      ordering: 'ENDPOINT',
      maxRetries: 5,
    },
  ]);
});

test('an endpoint without a place, and an idle one, are ACTIVE with nothing before them', async () => {
  door.endpoints = [endpoint({ id: 'new' }), endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 12, examined: 12 });
  expect(await standing('new')).toEqual(idle);
  expect(await standing('crm')).toEqual(idle);
});

test('a disabled endpoint is DISABLED with no backlog, paused or not', async () => {
  door.endpoints = [endpoint({ id: 'crm', enabled: false })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0, backlog: 5, pauseReason: 'admin' });
  await storeEvent(door.orm, { position: 1 });
  expect(await standing()).toMatchObject({
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
  expect(await standing()).toEqual({
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
  expect(await standing()).toMatchObject({ state: 'RETRYING', nextAttemptAt: null, lastError: 'HTTP 503' });
});

test.each([
  ['is settled by a later attempt', { position: 5, status: 'delivered' as const, errorMessage: null }, {}],
  ['lies at or below the place', {}, { position: 5 }],
  ['is of an older generation', {}, { generation: 4 }],
])('a failed attempt that %s makes nobody RETRYING', async (_, later, cursor) => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4, lastError: 'HTTP 500', ...cursor });
  await storeDelivery(door.orm, { ...retrying, createdAt: new Date(1000) });
  if (Object.keys(later).length > 0)
    await storeDelivery(door.orm, { ...retrying, createdAt: new Date(2000), ...later });
  expect(await standing()).toMatchObject({ state: 'ACTIVE', nextAttemptAt: null, lastError: 'HTTP 500' });
});

test.each(['test', 'replay'] as const)(
  'a failed %s, which is beside the line, makes nobody RETRYING',
  async (origin) => {
    door.endpoints = [endpoint({ id: 'crm' })];
    await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4 });
    await storeDelivery(door.orm, { ...retrying, origin });
    expect(await standing()).toEqual(idle);
  },
);

test('another endpoint’s attempts concern nobody else', async () => {
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
    expect(await standing()).toMatchObject({ state: 'PAUSED', pauseReason, backlog: 1, nextAttemptAt: null });
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
  for (const [position, type] of [
    [4, 'order.paid'],
    [5, 'user.login'],
    [6, 'order.paid'],
    [7, 'order.paid'],
    [8, 'user.login'],
    [9, 'order_paid'],
  ] as const) {
    await storeEvent(door.orm, { position, type, createdAt: new Date(position * 1000) });
  }
  await storeEvent(door.orm, { position: 10, type: 'order.paid', addressedTo: 'crm', createdAt: new Date(10_000) });
  await storeEvent(door.orm, { position: null, type: 'order.waits', createdAt: new Date(11_000) });
  // 4, 6, 7 and the one without a position.
  expect(await standing()).toMatchObject({ backlog: 4, oldestUnsettledAt: '1970-01-01T00:00:04.000Z' });

  const row = { endpointId: 'crm', generation: 3 };
  await storeDelivery(door.orm, { ...row, position: 4 });
  await storeDelivery(door.orm, { ...row, position: 4 });
  await storeDelivery(door.orm, { ...row, position: 6, status: 'failed', errorMessage: 'HTTP 500' });
  await storeDelivery(door.orm, { ...row, position: 7, status: 'retrying', errorMessage: 'HTTP 500' });
  await storeDelivery(door.orm, { ...row, position: 7, generation: 2 });
  await storeDelivery(door.orm, { ...row, position: 7, origin: 'replay' });
  expect(await standing()).toMatchObject({ backlog: 2, oldestUnsettledAt: '1970-01-01T00:00:07.000Z' });

  await storeDelivery(door.orm, { ...row, position: 7 });
  expect(await standing()).toMatchObject({ backlog: 1, oldestUnsettledAt: '1970-01-01T00:00:11.000Z' });
});

test('a number that was counted with another filter is not believed', async () => {
  door.endpoints = [endpoint({ id: 'crm', events: ['user.*'] })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0, examined: 2, backlog: 2, filter: 'order.*' });
  await storeEvent(door.orm, { position: 1, type: 'user.login' });
  await storeEvent(door.orm, { position: 2, type: 'order.paid' });
  expect((await standing()).backlog).toBe(1);
});

test('the backlog is never below 0, and above 10,000 it is 10,000', async () => {
  door.endpoints = [endpoint({ id: 'few' }), endpoint({ id: 'many' })];
  await storeCursor(door.orm, { endpointId: 'few', position: 0, examined: 9, backlog: 0 });
  await storeDelivery(door.orm, { endpointId: 'few', position: 3 });
  await storeCursor(door.orm, { endpointId: 'many', position: 0, examined: 9, backlog: 2_000_000 });
  const { data } = await door.ask('{ webhookEndpoints { backlog } }');
  expect(data.webhookEndpoints).toEqual([{ backlog: 0 }, { backlog: 10_000 }]);
});

test('a backlog of more than 10,000 that nobody counted yet is 10,000, whatever was settled above the place', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0, examined: 0 });
  await door.orm.em.fork().execute(
    `insert into webhook_events (id, position, type, payload, created_at)
     select gen_random_uuid(), n, 'order.paid', '{}', now() from generate_series(1, 10600) n`,
  );
  for (let position = 1; position <= 5; position += 1) await storeDelivery(door.orm, { position });
  expect((await standing()).backlog).toBe(10_000);
});

test('statistics add up the minutes of the window, whoever wrote them', async () => {
  door.endpoints = [endpoint({ id: 'crm' }), endpoint({ id: 'idle' })];
  const counts = (latencies: number[]) => {
    const buckets = Array.from({ length: bucketCount }, () => 0);
    for (const latency of latencies) buckets[bucketOf(latency)]! += 1;
    return buckets;
  };
  const ago = (minutes: number) => new Date(Math.floor(Date.now() / 60_000) * 60_000 - minutes * 60_000);
  const row = { endpointId: 'crm', writer: randomUUID() };
  await storeStats(door.orm, {
    ...row,
    minute: ago(1),
    delivered: 97,
    failed: 1,
    latencyBuckets: counts(Array.from({ length: 98 }, () => 10)),
  });
  // A shorter array is one whose rest is 0.
  await storeStats(door.orm, {
    ...row,
    writer: randomUUID(),
    minute: ago(1),
    delivered: 0,
    failed: 2,
    latencyBuckets: counts([1000, 1000]).slice(0, bucketOf(1000) + 1),
  });
  await storeStats(door.orm, { ...row, minute: ago(120), delivered: 10, failed: 0, latencyBuckets: counts([]) });
  await storeStats(door.orm, {
    ...row,
    minute: ago(3 * 24 * 60),
    delivered: 100,
    failed: 0,
    latencyBuckets: counts([]),
  });
  await storeStats(door.orm, {
    ...row,
    minute: ago(8 * 24 * 60),
    delivered: 1000,
    failed: 0,
    latencyBuckets: counts([]),
  });
  const { data } = await door.ask(`{ webhookEndpoints {
    stats { attempts delivered failed latencyP50Ms latencyP95Ms latencyP99Ms }
    day: stats(window: DAY) { delivered } week: stats(window: WEEK) { delivered }
  } }`);
  const [crm, idleOne] = data.webhookEndpoints;
  expect(crm).toMatchObject({
    stats: { attempts: 100, delivered: 97, failed: 3 },
    day: { delivered: 107 },
    week: { delivered: 207 },
  });
  expect(crm.stats.latencyP50Ms).toBeGreaterThan(9.5);
  expect(crm.stats.latencyP95Ms).toBeLessThan(10.5);
  expect(crm.stats.latencyP99Ms).toBeGreaterThan(950);
  expect(crm.stats.latencyP99Ms).toBeLessThan(1050);
  expect(idleOne.stats).toEqual({
    attempts: 0,
    delivered: 0,
    failed: 0,
    latencyP50Ms: null,
    latencyP95Ms: null,
    latencyP99Ms: null,
  });
});

test('an endpoint’s deliveries are its own, by status when asked', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  const delivered = await storeDelivery(door.orm, { createdAt: new Date(1000) });
  const failed = await storeDelivery(door.orm, {
    createdAt: new Date(2000),
    status: 'failed',
    errorMessage: 'HTTP 500',
  });
  await storeDelivery(door.orm, { endpointId: 'shop' });
  const { data } = await door.ask(`{ webhookEndpoint(id: "crm") {
    deliveries { nodes { id } totalCount } failed: deliveries(status: FAILED, last: 1) { nodes { id } }
  } }`);
  expect(data.webhookEndpoint).toEqual({
    deliveries: { nodes: [{ id: failed.id }, { id: delivered.id }], totalCount: 2 },
    failed: { nodes: [{ id: failed.id }] },
  });
});

test('pause and resume in one request each show the state that they made', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0 });
  const { data } = await door.ask(`mutation {
    paused: pauseWebhookEndpoint(id: "crm") { state pauseReason }
    resumed: resumeWebhookEndpoint(id: "crm") { state pauseReason }
  }`);
  expect(data).toEqual({
    paused: { state: 'PAUSED', pauseReason: 'admin' },
    resumed: { state: 'ACTIVE', pauseReason: null },
  });
});

test('pausing and resuming an endpoint that is not there is NOT_FOUND', async () => {
  for (const field of ['pauseWebhookEndpoint', 'resumeWebhookEndpoint']) {
    const { errors } = await door.ask(`mutation { ${field}(id: "nobody") { id } }`);
    expect(errors?.[0]).toMatchObject({ message: 'There is no endpoint nobody.', extensions: { code: 'NOT_FOUND' } });
  }
});

test('a reload says what it did, a dry run what it would do, and a bad file is an answer and no error', async () => {
  const reload =
    'mutation ($dryRun: Boolean) { reloadWebhooks(dryRun: $dryRun) { applied endpoints { id state } added changed removed errors { file line column path message } } }';
  door.endpoints = [endpoint({ id: 'crm' })];
  door.reload = { applied: true, endpoints: door.endpoints, added: ['crm'], changed: [], removed: ['old'], errors: [] };
  const { data } = await door.ask(reload);
  expect(data.reloadWebhooks).toEqual({
    applied: true,
    endpoints: [{ id: 'crm', state: 'ACTIVE' }],
    added: ['crm'],
    changed: [],
    removed: ['old'],
    errors: [],
  });
  expect((await door.ask(reload, { dryRun: true })).data.reloadWebhooks.applied).toBe(false);

  const problem = {
    file: 'config/webhooks.yaml',
    line: 8,
    column: 5,
    path: 'endpoints.1.timout',
    message: 'Unknown key.',
  };
  door.reload = { ...door.reload, applied: false, added: [], removed: [], errors: [problem] };
  const bad = await door.ask(reload, { dryRun: null });
  expect(bad.errors).toBeUndefined();
  expect(bad.data.reloadWebhooks).toMatchObject({ applied: false, errors: [problem], endpoints: [{ id: 'crm' }] });
});
