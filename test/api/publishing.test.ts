import { afterAll, beforeAll, expect, test } from 'vitest';
import { Replay } from '../../src/model/replay.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

test('events are published all together and in order, and the same key gives the first event again', async () => {
  const query = `mutation ($events: [PublishWebhookEventInput!]!) {
    publishWebhookEvents(events: $events) { id type subject data payload position }
  }`;
  const events = [
    { type: 'order.paid', data: { n: 1, list: [null, 1.5, 'é'] }, subject: 'o-1', idempotencyKey: 'key-1' },
    { type: 'order.sent', data: {} },
  ];
  const { data } = await door.ask(query, { events });
  expect(data.publishWebhookEvents).toMatchObject([
    { type: 'order.paid', subject: 'o-1', data: events[0]!.data, position: null },
    { type: 'order.sent', subject: null, data: {}, position: null },
  ]);
  const { data: again } = await door.ask(query, { events: [events[0]] });
  expect(again.publishWebhookEvents[0]).toMatchObject({
    id: data.publishWebhookEvents[0].id,
    payload: data.publishWebhookEvents[0].payload,
  });
  const { errors } = await door.ask(query, { events: [{ ...events[0], data: { n: 2 } }] });
  expect(errors?.[0]?.extensions.code).toBe('CONFLICT');
});

test('literals in a query make the same data as variables', async () => {
  const { data } = await door.ask(
    `mutation ($inner: JSON!) { publishWebhookEvents(events: [{ type: "order.literal", data: {
      int: 1, float: -1.5e3, text: "a\\u00e9", yes: true, nothing: null, list: [1, [2]], __proto__: { x: 1 }, inner: $inner
    } }]) { payload } }`,
    { inner: { a: 1 } },
  );
  const { payload } = data.publishWebhookEvents[0] as { payload: string };
  expect(payload).toContain(
    '"data":{"int":1,"float":-1500,"text":"aé","yes":true,"nothing":null,"list":[1,[2]],"__proto__":{"x":1},"inner":{"a":1}}}',
  );
});

test('keys that every object has are data like any other, and nobody else gets what is under them', async () => {
  const data = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":3}';
  const query = 'mutation ($data: JSON!) { publishWebhookEvents(events: [{ type: "a.b", data: $data }]) { payload } }';
  const published = await door.ask(query, { data: JSON.parse(data) as object });
  expect(published.data.publishWebhookEvents[0].payload).toContain(`"data":${data}}`);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test.each([
  ['a user type', { type: 'user.created', data: {} }],
  ['data that is no object', { type: 'a.b', data: [1] }],
  ['null as data', { type: 'a.b', data: null }],
])('publishing %s is BAD_USER_INPUT', async (_, event) => {
  const query = 'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }';
  const { errors } = await door.ask(query, { events: [{ type: 'fine.event', data: {} }, event] });
  expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  expect(await door.orm.em.fork().count(WebhookEvent, { type: 'fine.event' })).toBe(0);
});

test('a test event goes to its endpoint alone, and not to one that is unknown, disabled or paused', async () => {
  door.endpoints = [
    endpoint({ id: 'crm', events: ['user.*'] }),
    endpoint({ id: 'off', enabled: false }),
    endpoint({ id: 'held' }),
  ];
  await storeCursor(door.orm, { endpointId: 'held', pauseReason: 'gone' });
  const query = 'mutation ($id: ID!) { sendTestWebhook(endpointId: $id) { id type data } }';
  const { data } = await door.ask(query, { id: 'crm' });
  expect(data.sendTestWebhook).toMatchObject({ type: 'webhook.test', data: { endpoint_id: 'crm' } });
  const items = await door.orm.em.fork().find(Replay, {});
  expect(items).toMatchObject([{ endpointId: 'crm', eventId: data.sendTestWebhook.id, origin: 'test' }]);
  for (const [id, code] of [
    ['nobody', 'NOT_FOUND'],
    ['off', 'CONFLICT'],
    ['held', 'CONFLICT'],
    ['\0', 'NOT_FOUND'],
  ]) {
    const { errors } = await door.ask(query, { id });
    expect([id, errors?.[0]?.extensions.code]).toEqual([id, code]);
  }
  expect(await door.orm.em.fork().count(Replay)).toBe(1);
});
