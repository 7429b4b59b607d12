import { randomUUIDv7 } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Door, openDoor } from './door.ts';
import { storeDelivery, storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const minute = 60_000;
const noon = Date.UTC(2026, 10, 23, 12);
const at = (ms: number) => new Date(noon + ms);

async function eventIds(filter: object): Promise<string[]> {
  const query = 'query ($filter: WebhookEventFilter) { webhookEvents(filter: $filter, first: 200) { nodes { id } } }';
  const { data, errors } = await door.ask(query, { filter });
  expect(errors).toBeUndefined();
  return data.webhookEvents.nodes.map(({ id }: { id: string }) => id);
}

async function deliveryIds(filter: object): Promise<string[]> {
  const query =
    'query ($filter: WebhookDeliveryFilter) { webhookDeliveries(filter: $filter, first: 200) { nodes { id } } }';
  const { data, errors } = await door.ask(query, { filter });
  expect(errors).toBeUndefined();
  return data.webhookDeliveries.nodes.map(({ id }: { id: string }) => id);
}

test('an event is shown as it is stored, with its deliveries oldest first', async () => {
  const event = await storeEvent(door.orm, { position: 3_999_999, subject: 's-1', type: 'order.shown' });
  const second = await storeDelivery(door.orm, { eventId: event.id, attemptCount: 2, createdAt: at(2000) });
  const first = await storeDelivery(door.orm, {
    eventId: event.id,
    status: 'retrying',
    httpStatus: 503,
    errorMessage: 'HTTP 503',
    latencyMs: 7.25,
    createdAt: at(1000),
    completedAt: at(1007),
    responseBody: 'busy',
  });
  const { data } = await door.ask(
    `query ($id: ID!) { webhookEvent(id: $id) { id type position timestamp subject data payload deliveries {
      id eventId eventType endpointId endpointUrl status httpStatus errorMessage attemptCount latencyMs createdAt completedAt responseBody event { id }
    } } }`,
    { id: event.id.toUpperCase() },
  );
  expect(data.webhookEvent).toMatchObject({
    id: event.id,
    type: 'order.shown',
    position: '3999999',
    timestamp: event.createdAt.toISOString(),
    subject: 's-1',
    data: { order_id: 7 },
    payload: event.payload,
  });
  expect(data.webhookEvent.deliveries.map(({ id }: { id: string }) => id)).toEqual([first.id, second.id]);
  expect(data.webhookEvent.deliveries[0]).toEqual({
    id: first.id,
    eventId: event.id,
    eventType: 'order.paid',
    endpointId: 'crm',
    endpointUrl: 'https://crm.example.com/hooks',
    status: 'RETRYING',
    httpStatus: 503,
    errorMessage: 'HTTP 503',
    attemptCount: 1,
    latencyMs: 7.25,
    createdAt: '2026-11-23T12:00:01.000Z',
    completedAt: '2026-11-23T12:00:01.007Z',
    responseBody: 'busy',
    event: { id: event.id },
  });
});

test('an event without a position and without a subject shows null for both', async () => {
  const { id } = await storeEvent(door.orm);
  const { data } = await door.ask('query ($id: ID!) { webhookEvent(id: $id) { position subject deliveries { id } } }', {
    id,
  });
  expect(data).toEqual({ webhookEvent: { position: null, subject: null, deliveries: [] } });
});

test.each(['no-uuid', '', randomUUIDv7(), '\0', '1e3'])('nothing has the id %j', async (id) => {
  const { data, errors } = await door.ask(
    'query ($id: ID!) { webhookEvent(id: $id) { id } webhookDelivery(id: $id) { id } webhookEndpoint(id: $id) { id } }',
    { id },
  );
  expect([data, errors]).toEqual([{ webhookEvent: null, webhookDelivery: null, webhookEndpoint: null }, undefined]);
  expect(await deliveryIds({ eventId: id })).toEqual([]);
  expect(await deliveryIds({ endpointId: id })).toEqual([]);
});

test('the filters of events hold all together, and since is inclusive and until exclusive', async () => {
  await using other = await openDoor();
  const everything = await Promise.all(
    ['a.one', 'a.two'].flatMap((type) =>
      ['s', 't'].flatMap((subject) =>
        [0, 1, 2].map(async (ms) => await storeEvent(other.orm, { type, subject, createdAt: at(ms) })),
      ),
    ),
  );
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const filters = fc.record({
    types: optional(fc.subarray(['a.one', 'a.two', 'a.three'])),
    subject: optional(fc.constantFrom('s', 't', 'S')),
    since: optional(fc.integer({ min: -1, max: 3 })),
    until: optional(fc.integer({ min: -1, max: 3 })),
  });
  await fc.assert(
    fc.asyncProperty(filters, async ({ types, subject, since, until }) => {
      const expected = everything
        .filter((event) => types === undefined || types.includes(event.type))
        .filter((event) => subject === undefined || event.subject === subject)
        .filter((event) => since === undefined || event.createdAt >= at(since))
        .filter((event) => until === undefined || event.createdAt < at(until));
      const { data } = await other.ask(
        'query ($filter: WebhookEventFilter) { webhookEvents(filter: $filter) { nodes { id } totalCount } }',
        {
          filter: {
            types,
            subject,
            since: since === undefined ? undefined : at(since).toISOString(),
            until: until === undefined ? undefined : at(until).toISOString(),
          },
        },
      );
      expect(data.webhookEvents.nodes.map(({ id }: { id: string }) => id).toSorted()).toEqual(
        expected.map(({ id }) => id).toSorted(),
      );
      expect(data.webhookEvents.totalCount).toBe(expected.length);
    }),
    { numRuns: 60 },
  );
});

test('a time may be given with any offset', async () => {
  const { id } = await storeEvent(door.orm, { type: 'order.offset', createdAt: at(0) });
  for (const since of [
    '2026-11-23T12:00:00Z',
    '2026-11-23T14:00:00.000+02:00',
    '2026-11-23T06:30:00.000000-05:30',
    '2026-11-23T12:00z',
  ]) {
    expect(await eventIds({ types: ['order.offset'], since })).toEqual([id]);
  }
  expect(await eventIds({ types: ['order.offset'], since: '2026-11-23T13:00:00.001+01:00' })).toEqual([]);
});

test.each([
  'yesterday',
  '2026-11-23',
  '2026-11-23T12:00:00',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-11-23T25:00:00Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-01:00',
  '1764000000',
  '',
])('%j is no time', async (since) => {
  const query = 'query ($filter: WebhookEventFilter) { webhookEvents(filter: $filter) { totalCount } }';
  const { errors } = await door.ask(query, { filter: { since } });
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
});

test.each([
  ['the year 1', '0001-01-01T00:00:00Z'],
  ['the year 9999', '9999-12-31T23:59:59.999Z'],
])('%s is a time to compare with', async (_, moment) => {
  const since = await eventIds({ since: moment });
  const until = await eventIds({ until: moment });
  expect([since.length === 0, until.length === 0]).toContain(true);
  expect(since.length + until.length).toBeGreaterThan(0);
});

test('the filters of deliveries hold', async () => {
  const eventId = randomUUIDv7();
  const common = { eventType: 'order.filtered', endpointId: 'shop' };
  const early = await storeDelivery(door.orm, { ...common, createdAt: at(0), eventId });
  const failed = await storeDelivery(door.orm, {
    ...common,
    createdAt: at(minute),
    status: 'failed',
    errorMessage: 'HTTP 500',
  });
  // An attempt that took 5 minutes may have got its id at its end.
  const slow = await storeDelivery(door.orm, { ...common, createdAt: at(2 * minute), id: uuidOf(at(7 * minute)) });
  expect(await deliveryIds({ eventType: 'order.filtered' })).toEqual([slow.id, failed.id, early.id]);
  expect(await deliveryIds({ endpointId: 'shop', status: 'FAILED' })).toEqual([failed.id]);
  expect(await deliveryIds({ eventId })).toEqual([early.id]);
  expect(await deliveryIds({ endpointId: 'shop', since: at(minute).toISOString() })).toEqual([slow.id, failed.id]);
  expect(await deliveryIds({ endpointId: 'shop', until: at(2 * minute).toISOString() })).toEqual([failed.id, early.id]);
  expect(
    await deliveryIds({
      endpointId: 'shop',
      since: at(2 * minute).toISOString(),
      until: at(2 * minute + 1).toISOString(),
    }),
  ).toEqual([slow.id]);
  expect(await deliveryIds({ endpointId: 'nobody' })).toEqual([]);

  const query = 'query ($id: ID!) { webhookDelivery(id: $id) { status errorMessage } }';
  expect((await door.ask(query, { id: failed.id })).data).toEqual({
    webhookDelivery: { status: 'FAILED', errorMessage: 'HTTP 500' },
  });
});

function uuidOf(moment: Date): string {
  const hex = moment.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8abc-0123456789ab`;
}

test('a time filter leaves the partitions of other days alone', async () => {
  await using other = await openDoor();
  const from = (day: number) =>
    uuidOf(new Date(Date.UTC(2026, 10, day)))
      .slice(0, 13)
      .concat('-0000-0000-000000000000');
  for (const day of [21, 22, 23]) {
    const bounds = `from ('${from(day)}') to ('${from(day + 1)}')`;
    await other.orm.em.fork().execute(`create table events_${day} partition of webhook_events for values ${bounds}`);
  }
  const { id } = await storeEvent(other.orm, { createdAt: new Date(Date.UTC(2026, 10, 22, 12)) });
  const query = 'query ($filter: WebhookEventFilter) { webhookEvents(filter: $filter) { nodes { id } } }';
  const filter = { since: '2026-11-22T01:00:00Z', until: '2026-11-22T23:00:00Z' };
  await other.orm.em.fork().transactional(async (em) => {
    // Whoever wanted to read these would wait for this transaction's end, and so for ever.
    await em.execute('lock table events_21, events_23 in access exclusive mode');
    expect((await other.ask(query, { filter })).data).toEqual({ webhookEvents: { nodes: [{ id }] } });
  });
});
