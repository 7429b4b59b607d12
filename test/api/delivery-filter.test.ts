import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeliveryFilter } from '../../src/api/graphql/delivery-filter.ts';
import { connectDeliveries } from '../../src/api/graphql/webhook-delivery.ts';
import { type WebhookDelivery, deliveryOrigins } from '../../src/model/webhook-delivery.ts';
import { emptyLog } from '../support/recorded-events.ts';
import { type Door, openDoor } from './door.ts';
import { storeDelivery, storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const dayMs = 24 * 60 * 60 * 1000;
const statuses = [null, 200, 204, 302, 404, 410, 499, 500, 599, 999];
const subjects = ['ada', 'ben', null];
const stored = fc.record({
  subject: fc.constantFrom(...subjects),
  httpStatus: fc.constantFrom(...statuses),
  origin: fc.constantFrom(...deliveryOrigins),
  endpointId: fc.constantFrom('a', 'b'),
  days: fc.integer({ min: 0, max: 4 }),
});
const filters: fc.Arbitrary<DeliveryFilter> = fc.record(
  {
    subject: fc.constantFrom('ada', 'ben', 'eve'),
    httpStatus: fc.constantFrom(200, 404, 500, 418),
    httpStatusClass: fc.integer({ min: 2, max: 5 }),
    origin: fc.constantFrom(...deliveryOrigins),
    endpointId: fc.constantFrom('a', 'b'),
  },
  { requiredKeys: [] },
);

test('a filter lets through what each of its fields does, newest first, in pages from either end', async () => {
  const now = Date.now();
  await fc.assert(
    fc.asyncProperty(
      fc.array(stored, { minLength: 1, maxLength: 25 }),
      fc.array(filters, { minLength: 8, maxLength: 8 }),
      async (given, asked) => {
        await emptyLog(door.orm);
        await door.orm.em.fork().execute('truncate webhook_deliveries');
        const events = new Map<string | null, string>();
        for (const [index, subject] of subjects.entries()) {
          events.set(subject, (await storeEvent(door.orm, { subject, position: index + 1 })).id);
        }
        const all: (WebhookDelivery & { subject: string | null })[] = [];
        for (const { subject, days, origin, ...row } of given) {
          const replayId = origin === 'line' ? null : randomUUID();
          const status = row.httpStatus === 200 || row.httpStatus === 204 ? 'delivered' : 'failed';
          const made = { ...row, status, origin, replayId, createdAt: new Date(now - days * dayMs) } as const;
          all.push({ ...(await storeDelivery(door.orm, { ...made, eventId: events.get(subject)! })), subject });
        }
        for (const filter of asked) {
          const expected = all
            .filter(
              ({ httpStatus, ...row }) =>
                (filter.subject ?? row.subject) === row.subject &&
                (filter.httpStatus ?? httpStatus) === httpStatus &&
                (filter.httpStatusClass ?? Math.floor((httpStatus ?? 0) / 100)) ===
                  Math.floor((httpStatus ?? 0) / 100) &&
                (filter.origin ?? row.origin) === row.origin &&
                (filter.endpointId ?? row.endpointId) === row.endpointId,
            )
            .map(({ id }) => id)
            .toSorted()
            .toReversed();
          const em = door.orm.em.fork();
          const whole = await connectDeliveries(em, { first: 200 }, filter);
          expect(whole.edges.map(({ node }) => node.id)).toEqual(expected);
          expect(await whole.totalCount()).toBe(expected.length);
          const before = whole.edges.at(-1)?.cursor;
          const last = await connectDeliveries(em, { last: 3, before }, filter);
          expect(last.edges.map(({ node }) => node.id)).toEqual(expected.slice(0, -1).slice(-3));
          const next = await connectDeliveries(em, { first: 2, after: whole.edges[0]?.cursor }, filter);
          expect(next.edges.map(({ node }) => node.id)).toEqual(expected.slice(1, 3));
        }
      },
    ),
    { numRuns: 6 },
  );
});

const query = `query ($filter: WebhookDeliveryFilter) { webhookDeliveries(filter: $filter) { nodes { id } } }`;

test('an attempt is found by the subject of its event, whatever the text, and not by another with the same hash', async () => {
  await emptyLog(door.orm);
  const odd = `it's ? \\ :id: $1 "x"`;
  const [ours, theirs] = [
    await storeEvent(door.orm, { subject: odd, position: 1 }),
    await storeEvent(door.orm, { subject: 'other', position: 2 }),
  ];
  const { id } = await storeDelivery(door.orm, { eventId: ours.id });
  await storeDelivery(door.orm, { eventId: theirs.id });
  await door.orm.em
    .fork()
    .execute('update webhook_log set line = (select line from webhook_log where position = 1) where position = 2');
  const { data } = await door.ask(query, { filter: { subject: odd, origin: 'LINE' } });
  expect(data.webhookDeliveries.nodes).toEqual([{ id }]);
  expect((await door.ask(query, { filter: { subject: '\0' } })).data.webhookDeliveries.nodes).toEqual([]);
});

test('of a subject with very many events the newest attempts are found, on whatever day they were', async () => {
  const { orm } = door;
  await emptyLog(orm);
  await orm.em.fork().execute('truncate webhook_deliveries');
  const events = [];
  for (let position = 1; position <= 4; position += 1) events.push(await storeEvent(orm, { subject: 'all', position }));
  await orm.em.fork().execute(
    `insert into webhook_log (position, event_id, type, line, configuration, positioned_at)
       select 1000 + n, gen_random_uuid(), 'order.paid', hashtextextended('all', 0), 0, now() from generate_series(1, 400) n`,
  );
  const ids: string[] = [];
  for (const [index, { id: eventId }] of events.entries()) {
    const createdAt = new Date(Date.now() - (10 - index) * 2 * dayMs);
    ids.unshift((await storeDelivery(orm, { eventId, createdAt })).id);
    await storeDelivery(orm, { createdAt });
  }
  const { data } = await door.ask(query, { filter: { subject: 'all', endpointId: 'crm' } });
  expect(data.webhookDeliveries.nodes.map(({ id }: { id: string }) => id)).toEqual(ids);
});

test.each([-1, 0, 1, 6, 200])('%i is no class of statuses', async (httpStatusClass) => {
  const { data, errors } = await door.ask(query, { filter: { httpStatusClass } });
  expect(data.webhookDeliveries).toBeNull();
  expect(errors).toMatchObject([
    {
      extensions: { code: 'BAD_USER_INPUT', argument: 'filter.httpStatusClass' },
      message: expect.stringMatching(/2 to 5/),
    },
  ]);
});

test('a status that HTTP does not have matches nothing', async () => {
  for (const httpStatus of [-1, 0, 2_147_483_647]) {
    const { data, errors } = await door.ask(query, { filter: { httpStatus } });
    expect([data.webhookDeliveries.nodes, errors]).toEqual([[], undefined]);
  }
});
