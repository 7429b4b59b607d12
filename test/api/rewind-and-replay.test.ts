import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { deliveriesBy } from '../../src/api/graphql/delivery-filter.ts';
import { newId } from '../../src/model/new-id.ts';
import { type Door, endpoint, openDoor } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
  door.endpoints = [endpoint({ id: 'crm' })];
});
afterEach(() => {
  door.asked.length = 0;
});
afterAll(async () => await door[Symbol.asyncDispose]());

const rewind = 'mutation ($to: WebhookPositionInput!) { rewindWebhookEndpoint(id: "crm", to: $to) { id } }';
const replay = `mutation ($deliveryIds: [ID!], $endpointId: ID, $since: DateTime, $until: DateTime, $filter: WebhookDeliveryFilter, $dryRun: Boolean) {
  replayWebhookDeliveries(deliveryIds: $deliveryIds, endpointId: $endpointId, since: $since, until: $until, filter: $filter, dryRun: $dryRun)
}`;

test('a rewind is asked for as it was given, and the endpoint is the answer', async () => {
  const { data } = await door.ask(rewind, { to: { position: '12' } });
  expect(data).toEqual({ rewindWebhookEndpoint: { id: 'crm' } });
  await door.ask(rewind, { to: { at: '2026-11-23T11:00:00+01:00' } });
  expect(door.asked).toEqual([
    { rewind: 'crm', to: { position: '12' } },
    { rewind: 'crm', to: { at: new Date('2026-11-23T10:00:00Z') } },
  ]);
});

test.each([{}, { position: null }, { position: null, at: null }, { position: '1', at: '2026-11-23T10:00:00Z' }])(
  'a rewind to anything but one of position and at is refused: %j',
  async (to) => {
    const { errors } = await door.ask(rewind, { to });
    expect(errors!.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    expect(errors![0]!.extensions).toMatchObject({ argument: expect.stringMatching(/^to\b/) as unknown });
    expect(door.asked).toEqual([]);
  },
);

test('the count of a rewind is asked for as the rewind is', async () => {
  const { data } = await door.ask('{ rewindCount(id: "crm", to: { position: "12" }) }');
  expect(data).toEqual({ rewindCount: 1 });
  expect(door.asked).toEqual([{ rewindCount: 'crm', to: { position: '12' } }]);
});

test('a cancel is asked for by its endpoint', async () => {
  expect((await door.ask('mutation { cancelWebhookReplays(endpointId: "crm") }')).data).toEqual({
    cancelWebhookReplays: 1,
  });
  expect(door.asked).toEqual([{ cancel: 'crm' }]);
});

test('replays are asked for by ids, by endpoint and window, or by a filter, whose status is FAILED', async () => {
  const id = newId();
  const { data } = await door.ask(replay, { deliveryIds: [id.toUpperCase()] });
  expect(data).toEqual({ replayWebhookDeliveries: 1 });
  await door.ask(replay, { endpointId: 'crm' });
  const [from, to] = ['2026-11-23T10:00:00Z', '2026-11-23T11:00:00Z'] as const;
  await door.ask(replay, { endpointId: 'crm', since: from, until: to });
  await door.ask(replay, { filter: { eventType: 'order.paid', status: 'DELIVERED' }, dryRun: true });
  await door.ask(replay, { filter: { endpointId: 'crm', until: to }, dryRun: null });
  await door.ask(replay, { filter: { eventId: 'what is no id' } });
  const [since, until] = [new Date(from), new Date(to)];
  const failed = 'failed' as const;
  const byEndpoint = (argument: string) => ({ endpoint: { id: 'crm', argument } });
  expect(door.asked).toMatchObject([
    { replay: { deliveryIds: [id] }, dryRun: false },
    {
      replay: { where: deliveriesBy({ endpointId: 'crm', status: failed }), ...byEndpoint('endpointId') },
      dryRun: false,
    },
    { replay: { where: deliveriesBy({ endpointId: 'crm', since, until, status: failed }) }, dryRun: false },
    { replay: { where: deliveriesBy({ eventType: 'order.paid', status: failed }), endpoint: null }, dryRun: true },
    {
      replay: { where: deliveriesBy({ endpointId: 'crm', until, status: failed }), ...byEndpoint('filter.endpointId') },
    },
    { replay: { where: null, endpoint: null } },
  ]);
});

test.each([
  ['in no way', {}, 'BAD_USER_INPUT', undefined],
  ['by a window alone', { since: '2026-11-23T10:00:00Z' }, 'BAD_USER_INPUT', undefined],
  ['by ids and endpoint', { deliveryIds: [], endpointId: 'crm' }, 'BAD_USER_INPUT', 'deliveryIds'],
  ['by ids and window', { deliveryIds: [], until: '2026-11-23T10:00:00Z' }, 'BAD_USER_INPUT', 'deliveryIds'],
  ['by ids and filter', { deliveryIds: [], filter: {} }, 'BAD_USER_INPUT', 'deliveryIds'],
  ['by filter and endpoint', { filter: {}, endpointId: 'crm' }, 'BAD_USER_INPUT', 'filter'],
  ['by filter and window', { filter: {}, since: '2026-11-23T10:00:00Z' }, 'BAD_USER_INPUT', 'filter'],
  ['by what is no id', { deliveryIds: ['7'] }, 'NOT_FOUND', 'deliveryIds'],
])('deliveries that are chosen %s are refused', async (_, variables, code, argument) => {
  const { errors } = await door.ask(replay, variables);
  expect(errors![0]!.extensions).toEqual(argument ? { code, argument } : { code });
  expect(door.asked).toEqual([]);
});

test('both are for admins', async () => {
  for (const query of ['rewindWebhookEndpoint(id: "crm", to: { position: "1" }) { id }', 'replayWebhookDeliveries']) {
    const response = await door.fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `mutation { ${query} }` }),
    });
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  }
  expect(door.asked).toEqual([]);
});
