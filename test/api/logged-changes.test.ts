// What admins and people do leaves one line each, which says who did it.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { logged } from '../../src/api/graphql/logged-endpoints.ts';
import { type Door, endpoint, openDoor, signInAs } from './door.ts';
import { storeCursor } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 0 });
});
afterEach(() => {
  door.logged.length = 0;
});
afterAll(async () => await door[Symbol.asyncDispose]());

/** Of the door's log, which has numbers. */
const info = 30;
const lines = () => door.logged.map((line) => JSON.parse(line) as Record<string, unknown>);

test.each<[query: string, line: object]>([
  ['pauseWebhookEndpoint(id: "crm") { id }', { msg: 'an endpoint was paused', endpoint_id: 'crm' }],
  ['resumeWebhookEndpoint(id: "crm") { id }', { msg: 'an endpoint was resumed', endpoint_id: 'crm' }],
  [
    'rewindWebhookEndpoint(id: "crm", to: { position: "1" }) { id }',
    { msg: 'an endpoint was rewound', endpoint_id: 'crm', to: '1' },
  ],
  [
    'rewindWebhookEndpoint(id: "crm", to: { at: "2026-11-23T10:00:00Z" }) { id }',
    { msg: 'an endpoint was rewound', endpoint_id: 'crm', to: '2026-11-23T10:00:00.000Z' },
  ],
  [
    'replayWebhookDeliveries(endpointId: "crm", since: "2026-11-23T10:00:00Z")',
    { msg: 'failed deliveries were queued to be sent again', endpoint_id: 'crm', since: '2026-11-23T10:00:00.000Z' },
  ],
  [
    'replayWebhookDeliveries(deliveryIds: ["0195aaaa-0000-7000-8000-000000000000"])',
    { msg: 'failed deliveries were queued to be sent again', deliveries: 1 },
  ],
  [
    'replayWebhookDeliveries(filter: { eventType: "order.paid" })',
    { msg: 'failed deliveries were queued to be sent again', filter: { eventType: 'order.paid' } },
  ],
  ['cancelWebhookReplays(endpointId: "crm")', { msg: 'replays were cancelled', endpoint_id: 'crm' }],
  ['sendTestWebhook(endpointId: "crm") { id }', { msg: 'a test was recorded', endpoint_id: 'crm' }],
  ['reloadWebhooks { applied }', { msg: 'a reload was accepted', added: [], changed: [], removed: [], dropped: [] }],
])('%s leaves one line', async (query, line) => {
  const { id, token } = await signInAs(door, 'ADMIN');
  for (const [by, headers] of [
    ['admin_token', {}],
    [id, { authorization: `Bearer ${token}` }],
  ] as const) {
    door.logged.length = 0;
    expect((await door.ask(`mutation { ${query} }`, {}, headers)).errors).toBeUndefined();
    expect(lines()).toMatchObject([{ level: info, by, ...line }]);
  }
});

test('a retry and a skip leave one line each, once they are carried out', async () => {
  const said: object[] = [];
  const log = { info: (fields: object, msg: string) => said.push({ msg, ...fields }) };
  const carriedOut = { retryLine: () => Promise.resolve(), skipEvent: () => Promise.resolve() };
  const endpoints = logged(carriedOut as never, { by: () => Promise.resolve('admin_token'), log: log as never });
  await endpoints.retryLine('crm', { subject: null, eventId: null });
  await endpoints.skipEvent('crm', 'an-event');
  expect(said).toEqual([
    { msg: 'a blocked line was made due', endpoint_id: 'crm', by: 'admin_token' },
    { msg: 'a blocked event was skipped', endpoint_id: 'crm', event_id: 'an-event', by: 'admin_token' },
  ]);
});

test('a refused reload leaves a line with what was wrong, and a dry run none', async () => {
  const problem = { file: 'config/webhooks.yaml', line: 8, column: 5, path: 'endpoints.1.timout', message: 'Unknown.' };
  door.reload = { ...door.reload, applied: false, errors: Array.from({ length: 12 }, () => problem) };
  await door.ask(
    'mutation { reloadWebhooks(dryRun: true) { applied } replayWebhookDeliveries(filter: {}, dryRun: true) }',
  );
  expect(lines()).toEqual([]);
  await door.ask('mutation { reloadWebhooks { applied } }');
  const [line, ...others] = lines();
  expect(others).toEqual([]);
  expect(line).toMatchObject({ level: info, msg: 'a reload was refused', by: 'admin_token' });
  expect(line!['errors']).toEqual(Array.from({ length: 10 }, () => problem));
});

test('what was refused leaves no line that says it was done', async () => {
  for (const query of ['pauseWebhookEndpoint(id: "no") { id }', 'sendTestWebhook(endpointId: "no") { id }']) {
    expect((await door.ask(`mutation { ${query} }`)).errors).toHaveLength(1);
  }
  expect(lines()).toEqual([]);
});
