import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bucketCount, bucketOf } from '../../src/policy/latency-histogram.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor, storeDelivery, storeStats } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  for (const table of ['webhook_deliveries', 'webhook_cursors', 'webhook_endpoint_stats']) {
    await door.orm.em.fork().execute(`delete from ${table}`);
  }
});
afterAll(async () => await door[Symbol.asyncDispose]());

test('an endpoint shows what the file says of it, and never a secret', async () => {
  door.endpoints = [
    endpoint({ id: 'zeta', events: ['user.*', '*'], description: 'CRM sync', maxRetries: 7 }),
    endpoint({ id: 'alpha', enabled: false }),
  ];
  const { data } = await door.ask(
    '{ webhookEndpoints { id url events enabled description ordering maxRetries rateLimit } }',
  );
  expect(data.webhookEndpoints).toEqual([
    {
      id: 'alpha',
      url: 'https://alpha.example.com/hooks',
      events: ['*'],
      enabled: false,
      description: null,
      ordering: 'ENDPOINT',
      maxRetries: 5,
      rateLimit: null,
    },
    {
      id: 'zeta',
      url: 'https://zeta.example.com/hooks',
      events: ['user.*', '*'],
      enabled: true,
      description: 'CRM sync',
      ordering: 'ENDPOINT',
      maxRetries: 7,
      rateLimit: null,
    },
  ]);
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
    gaveUp: 0,
    latencyBuckets: counts(Array.from({ length: 98 }, () => 10)),
  });
  // A shorter array is one whose rest is 0.
  await storeStats(door.orm, {
    ...row,
    writer: randomUUID(),
    minute: ago(1),
    delivered: 0,
    failed: 2,
    gaveUp: 2,
    latencyBuckets: counts([1000, 1000]).slice(0, bucketOf(1000) + 1),
  });
  await storeStats(door.orm, {
    ...row,
    minute: ago(120),
    delivered: 10,
    failed: 0,
    gaveUp: 0,
    latencyBuckets: counts([]),
  });
  await storeStats(door.orm, {
    ...row,
    minute: ago(3 * 24 * 60),
    delivered: 100,
    failed: 0,
    gaveUp: 1,
    latencyBuckets: counts([]),
  });
  await storeStats(door.orm, {
    ...row,
    minute: ago(8 * 24 * 60),
    delivered: 1000,
    failed: 0,
    gaveUp: 1,
    latencyBuckets: counts([]),
  });
  const { data } = await door.ask(`{ webhookEndpoints {
    stats { attempts delivered failed gaveUp latencyP50Ms latencyP95Ms latencyP99Ms }
    day: stats(window: DAY) { delivered } week: stats(window: WEEK) { delivered gaveUp }
  } }`);
  const [crm, idleOne] = data.webhookEndpoints;
  expect(crm).toMatchObject({
    stats: { attempts: 100, delivered: 97, failed: 3, gaveUp: 2 },
    day: { delivered: 107 },
    week: { delivered: 207, gaveUp: 3 },
  });
  expect(crm.stats.latencyP50Ms).toBeGreaterThan(9.5);
  expect(crm.stats.latencyP95Ms).toBeLessThan(10.5);
  expect(crm.stats.latencyP99Ms).toBeGreaterThan(950);
  expect(crm.stats.latencyP99Ms).toBeLessThan(1050);
  expect(idleOne.stats).toEqual({
    attempts: 0,
    delivered: 0,
    failed: 0,
    gaveUp: 0,
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
    paused: { state: 'PAUSED', pauseReason: 'ADMIN' },
    resumed: { state: 'ACTIVE', pauseReason: null },
  });
});

test('pausing and resuming an endpoint that is not there is NOT_FOUND', async () => {
  for (const field of ['pauseWebhookEndpoint', 'resumeWebhookEndpoint']) {
    const { errors } = await door.ask(`mutation { ${field}(id: "nobody") { id } }`);
    expect(errors?.[0]).toMatchObject({
      message: 'There is no webhook endpoint "nobody".',
      extensions: { code: 'NOT_FOUND' },
    });
  }
});

test('a reload says what it did, a dry run what it would do, and a bad file is an answer and no error', async () => {
  const reload =
    'mutation ($dryRun: Boolean) { reloadWebhooks(dryRun: $dryRun) { applied endpoints { id state } added changed removed dropped { endpointId backlog } errors { file line column path message } } }';
  door.endpoints = [endpoint({ id: 'crm' })];
  const dropped = [{ endpointId: 'old', backlog: 7 }];
  const changes = { added: ['crm'], changed: [], removed: ['old'], dropped };
  door.reload = { applied: true, endpoints: door.endpoints, ...changes, errors: [] };
  const { data } = await door.ask(reload);
  expect(data.reloadWebhooks).toEqual({
    applied: true,
    endpoints: [{ id: 'crm', state: 'ACTIVE' }],
    added: ['crm'],
    changed: [],
    removed: ['old'],
    dropped,
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
