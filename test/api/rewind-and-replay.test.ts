import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
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
const replay = `mutation ($deliveryIds: [ID!], $endpointId: ID, $since: DateTime, $until: DateTime) {
  replayWebhookDeliveries(deliveryIds: $deliveryIds, endpointId: $endpointId, since: $since, until: $until)
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

test('replays are asked for by ids, or by endpoint and window', async () => {
  const id = newId();
  const { data } = await door.ask(replay, { deliveryIds: [id.toUpperCase()] });
  expect(data).toEqual({ replayWebhookDeliveries: 1 });
  await door.ask(replay, { endpointId: 'crm' });
  await door.ask(replay, { endpointId: 'crm', since: '2026-11-23T10:00:00Z', until: '2026-11-23T11:00:00Z' });
  expect(door.asked).toEqual([
    { replay: { deliveryIds: [id] } },
    { replay: { endpointId: 'crm', since: null, until: null } },
    {
      replay: {
        endpointId: 'crm',
        since: new Date('2026-11-23T10:00:00Z'),
        until: new Date('2026-11-23T11:00:00Z'),
      },
    },
  ]);
});

test.each([
  ['in no way', {}, 'BAD_USER_INPUT', undefined],
  ['by a window alone', { since: '2026-11-23T10:00:00Z' }, 'BAD_USER_INPUT', undefined],
  ['by ids and endpoint', { deliveryIds: [], endpointId: 'crm' }, 'BAD_USER_INPUT', 'deliveryIds'],
  ['by ids and window', { deliveryIds: [], until: '2026-11-23T10:00:00Z' }, 'BAD_USER_INPUT', 'deliveryIds'],
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
