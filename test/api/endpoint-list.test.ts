// Pages of endpoints by id, found by a search and by their states.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { newId } from '../../src/model/new-id.ts';
import { Replay } from '../../src/model/replay.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor, storeDelivery } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  await door.orm.em.fork().execute('truncate webhook_deliveries, webhook_cursors, webhook_replays');
});
afterAll(async () => await door[Symbol.asyncDispose]());

const list = `query ($search: String, $states: [WebhookEndpointState!], $first: Int, $after: ID) {
  webhookEndpoints(search: $search, states: $states, first: $first, after: $after) { id state }
}`;

async function ids(args: object = {}): Promise<string[]> {
  const { data, errors } = await door.ask(list, args);
  expect(errors).toBeUndefined();
  return (data.webhookEndpoints as { id: string }[]).map(({ id }) => id);
}

test('endpoints come by id, 200 at most, those after an id, also of one that is gone', async () => {
  const names = Array.from({ length: 450 }, (_, index) => `e-${String((index * 7) % 450).padStart(3, '0')}`);
  door.endpoints = names.map((id) => endpoint({ id }));
  const sorted = names.toSorted();
  expect(await ids()).toEqual(sorted.slice(0, 200));
  expect(await ids({ after: sorted[199] })).toEqual(sorted.slice(200, 400));
  expect(await ids({ after: 'e-399x', first: 200 })).toEqual(sorted.slice(400));
  expect(await ids({ first: 3, after: 'e-00' })).toEqual(sorted.slice(0, 3));
  expect(await ids({ first: 0 })).toEqual([]);
  expect(await ids({ first: null, after: null, search: null, states: null })).toHaveLength(200);
});

test.each([
  ['first', { first: 201 }],
  ['first', { first: -1 }],
  ['after', { after: 'no id' }],
  ['search', { search: 'x'.repeat(321) }],
])('%s out of its bounds is BAD_USER_INPUT: %j', async (argument, args) => {
  const { errors } = await door.ask(list, args);
  expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
});

test('a search finds a part of the id, the URL or the description, in any case of any script', async () => {
  door.endpoints = [
    endpoint({ id: 'crm', url: 'https://Hooks.example.com/CRM?x=100%_' }),
    endpoint({ id: 'billing', url: 'https://pay.example.com/', description: 'Straße ΓΙΏΡΓΟΣ' }),
    endpoint({ id: 'plain', url: 'https://plain.example.com/' }),
  ];
  for (const [search, found] of [
    ['CR', ['crm']],
    ['hooks.EXAMPLE', ['crm']],
    ['100%_', ['crm']],
    ['STRASSE', ['billing']],
    ['Γιώργος', ['billing']],
    ['', ['billing', 'crm', 'plain']],
    ['nothing', []],
    ['crmhttps', []],
  ] as const) {
    expect([search, await ids({ search })]).toEqual([search, found]);
  }
});

test('states choose before pages are cut, and are those that the endpoints show', async () => {
  const names = Array.from({ length: 2_300 }, (_, index) => `e-${String(index).padStart(4, '0')}`);
  door.endpoints = names.map((id, index) => endpoint({ id, enabled: index !== 5 }));
  await storeCursor(door.orm, { endpointId: 'e-0007', position: 3, pauseReason: 'admin' });
  // The newest attempt is seen although the cursor's row says yet that nothing waits, and an old one where it says so.
  const retrying = { status: 'retrying' as const, errorMessage: 'HTTP 503', position: 4 };
  await storeCursor(door.orm, { endpointId: 'e-0009', position: 3 });
  await storeDelivery(door.orm, { ...retrying, endpointId: 'e-0009' });
  await storeCursor(door.orm, { endpointId: 'e-2200', position: 3, backlog: 1 });
  await storeDelivery(door.orm, {
    ...retrying,
    endpointId: 'e-2200',
    createdAt: new Date(Date.now() - 5 * 86_400_000),
  });
  expect(await ids({ states: ['RETRYING'] })).toEqual(['e-0009', 'e-2200']);
  expect(await ids({ states: ['RETRYING'], first: 1 })).toEqual(['e-0009']);
  expect(await ids({ states: ['RETRYING'], after: 'e-0009' })).toEqual(['e-2200']);
  expect(await ids({ states: ['PAUSED', 'DISABLED'] })).toEqual(['e-0005', 'e-0007']);
  expect(await ids({ states: ['RETRYING', 'PAUSED'], search: '00' })).toEqual(['e-0007', 'e-0009', 'e-2200']);
  expect(await ids({ states: ['ACTIVE'], first: 7 })).toEqual([...names.slice(0, 5), names[6], names[8]]);
  expect(await ids({ states: [] })).toEqual([]);
  const { data } = await door.ask(list, { states: ['RETRYING', 'PAUSED'] });
  expect(data.webhookEndpoints.map(({ state }: { state: string }) => state)).toEqual([
    'PAUSED',
    'RETRYING',
    'RETRYING',
  ]);
});

test('pending replays are those of the endpoint, and no tests', async () => {
  door.endpoints = ['crm', 'erp'].map((id) => endpoint({ id }));
  const em = door.orm.em.fork();
  for (const [endpointId, origin] of [
    ['crm', 'replay'],
    ['crm', 'replay'],
    ['crm', 'test'],
    ['gone', 'replay'],
  ] as const) {
    await em.insert(Replay, { id: newId(), endpointId, eventId: newId(), position: 1, origin });
  }
  const { data } = await door.ask('{ webhookEndpoints { id pendingReplays } }');
  expect(data.webhookEndpoints).toEqual([
    { id: 'crm', pendingReplays: 2 },
    { id: 'erp', pendingReplays: 0 },
  ]);
});
