// What an admin publishes is recorded whole, in order, and once for each idempotency key.

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import { fromPayload } from '../../src/outbox/payload.ts';
import type { Publication } from '../../src/outbox/publication.ts';
import { publishEvents, recordTestEvent } from '../../src/outbox/publish.ts';
import { createTransactions, type Transactions } from '../../src/outbox/transactions.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
let transactions: Transactions;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'publish-test' });
  transactions = createTransactions({ orm, onCommit: () => {} });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
afterEach(async () => {
  await orm.em.fork().execute('truncate webhook_events, webhook_outbox, webhook_idempotency_keys, webhook_replays');
});

const publish = (...publications: Publication[]) => publishEvents(transactions, publications);
const recorded = () => recordedEvents(orm);
const paid = (n: number, idempotencyKey?: string): Publication => ({ type: 'order.paid', data: { n }, idempotencyKey });

test('a thousand events are recorded in the order given, and given back as they are stored', async () => {
  const publications = Array.from({ length: 1000 }, (_, n) => ({ ...paid(n), subject: n % 2 ? `order ${n}` : null }));
  const published = await publish(...publications);
  const stored = await recorded();
  expect(stored.map(({ payload }) => fromPayload(payload).data)).toEqual(publications.map(({ data }) => data));
  expect(stored).toMatchObject(published);
  expect(Object.keys(published[0]!)).toEqual(expect.arrayContaining(['subject', 'payload', 'createdAt']));
  expect(stored[1]).toMatchObject({ type: 'order.paid', subject: 'order 1', addressedTo: null });
});

test('nothing is published by an empty call, and nothing by one of more than a thousand', async () => {
  expect(await publish()).toEqual([]);
  await expect(publish(...Array.from({ length: 1001 }, (_, n) => paid(n)))).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    message: expect.stringContaining('1000'),
  });
  expect(await recorded()).toEqual([]);
});

/** Bytes of `{"text":"…"}` around the text. */
const frame = 11;
const nested = (levels: number): Publication['data'] => (levels === 1 ? {} : { a: nested(levels - 1) });

test.each<[string, Partial<Publication>]>([
  ['type', { type: 'user.created' }],
  ['type', { type: 'user.anything.else' }],
  ['type', { type: 'webhook.test' }],
  ['type', { type: 'order' }],
  ['type', { type: 'Order.paid' }],
  ['type', { type: 'order..paid' }],
  ['type', { type: 'order.paid\n' }],
  ['type', { type: '' }],
  ['type', { type: `a.${'b'.repeat(127)}` }],
  ['data', { data: [] as never }],
  ['data', { data: null as never }],
  ['data', { data: 'text' as never }],
  ['data', { data: { text: 'x'.repeat(256 * 1024 - frame + 1) } }],
  ['data', { data: { text: 'ä'.repeat((256 * 1024 - frame) / 2 + 1) } }],
  ['data', { data: nested(101) }],
  ['subject', { subject: 'a\0b' }],
  ['subject', { subject: '\ud800' }],
  ['subject', { subject: 'x'.repeat(513) }],
  ['idempotencyKey', { idempotencyKey: '' }],
  ['idempotencyKey', { idempotencyKey: 'a\0b' }],
  ['idempotencyKey', { idempotencyKey: '\udc00' }],
  ['idempotencyKey', { idempotencyKey: 'x'.repeat(256) }],
])(
  '%s: what may not be published is BAD_USER_INPUT with its path, and refuses the whole call (%#)',
  async (field, wrong) => {
    await expect(publish(paid(0), { ...paid(1), ...wrong }, paid(2))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringMatching(`^events\\.1\\.${field}: .{5}`),
    });
    expect(await recorded()).toEqual([]);
  },
);

test.each<[string, Partial<Publication>]>([
  ['a type of 128 characters', { type: `a.${'b'.repeat(126)}` }],
  ['a type that only looks like ours', { type: 'users.created' }],
  ['a type with digits', { type: '0._.a_1' }],
  ['data of 256 KiB', { data: { text: 'x'.repeat(256 * 1024 - frame) } }],
  ['data of 100 levels', { data: nested(100) }],
  ['data with NUL and half a pair', { data: { text: 'a\0b\ud800', ['__proto__']: 1 } }],
  ['a long subject and key of wide characters', { subject: '字'.repeat(512), idempotencyKey: '字'.repeat(255) }],
])('what may be published is: %s', async (_, right) => {
  const [event] = await publish({ ...paid(1), ...right });
  expect((await recorded()).map(({ id }) => id)).toEqual([event?.id]);
});

test('the same key gives the first event again when type, subject and data are the same bytes', async () => {
  const about: Publication = { type: 'a.b', subject: 'ü', data: { x: 1, y: { p: [{ r: 1.0 }] } }, idempotencyKey: 'k' };
  const [first] = await publish(about);
  const [again, other] = await publish({ ...about, data: { x: 1, y: { p: [{ r: 1 }] } } }, paid(1));
  expect(again).toMatchObject({ id: first?.id, payload: first?.payload });
  expect((await recorded()).map(({ id }) => id)).toEqual([first?.id, other?.id]);
});

test('a key used twice in one call gives the same event twice', async () => {
  const published = await publish(paid(1, 'k'), paid(2), paid(1, 'k'));
  expect(published[2]).toEqual(published[0]);
  expect((await recorded()).map(({ id }) => id)).toEqual([published[0]?.id, published[1]?.id]);
});

test.each<[string, Publication]>([
  ['another type', { ...paid(1, 'k'), type: 'order.sent' }],
  ['other data', paid(2, 'k')],
  ['a subject where there was none', { ...paid(1, 'k'), subject: 'order-1' }],
  ['an empty subject where there was none', { ...paid(1, 'k'), subject: '' }],
  ['more in its data', { ...paid(1, 'k'), data: { n: 1, m: null } }],
  ['data with a text for a number', { type: 'order.paid', data: { n: '1' }, idempotencyKey: 'k' }],
])('a key with %s is CONFLICT, in one call or two, and the call records nothing', async (_, other) => {
  const conflict = { code: 'CONFLICT', message: expect.stringMatching(/^events\.1\.idempotencyKey: /) };
  await expect(publish(paid(1, 'k'), other, paid(3, 'fresh'))).rejects.toMatchObject(conflict);
  expect(await recorded()).toEqual([]);
  await publish(paid(1, 'k'));
  await expect(publish(paid(3, 'fresh'), other)).rejects.toMatchObject(conflict);
  expect(await recorded()).toHaveLength(1);
  // Nor did the refused calls take their other key.
  await publish(paid(4, 'fresh'));
});

test.each<[string, Partial<Publication>]>([
  ['another subject', { subject: 'order-2' }],
  ['no subject', { subject: null }],
  ['the subject in other letters', { subject: 'Order-1' }],
  ['a part of the subject', { subject: 'order-' }],
  ['another order of the keys in its data', { data: { b: 2, a: 1 } }],
  ['another type', { type: 'order.sent' }],
])('a key that stands for a subject with %s is CONFLICT, in one call or two', async (_, other) => {
  const about: Publication = { type: 'order.paid', subject: 'order-1', data: { a: 1, b: 2 }, idempotencyKey: 'k' };
  const conflict = { code: 'CONFLICT', message: expect.stringContaining('another type, subject or data') };
  await expect(publish(about, { ...about, ...other })).rejects.toMatchObject(conflict);
  const [first] = await publish(about);
  await expect(publish({ ...about, ...other })).rejects.toMatchObject(conflict);
  expect((await publish(about))[0]?.id).toBe(first?.id);
  expect(await recorded()).toHaveLength(1);
});

test('a key is free again after a day, for any type, subject and data, and holds for a day from then', async () => {
  const [first] = await publish(paid(1, 'k'));
  const age = (by: string) =>
    orm.em.fork().execute(`update webhook_idempotency_keys set created_at = created_at - ?::interval`, [by]);
  await age('23 hours 59 minutes');
  expect((await publish(paid(1, 'k')))[0]?.id).toBe(first?.id);
  await age('1 minute');
  const [second] = await publish(paid(2, 'k'));
  expect(second?.id).not.toBe(first?.id);
  expect((await publish(paid(2, 'k')))[0]?.id).toBe(second?.id);
  await expect(publish(paid(1, 'k'))).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('callers that use the same keys at once, in any order, are given the same events', async () => {
  const keys = Array.from({ length: 40 }, (_, n) => n);
  for (let round = 0; round < 5; round += 1) {
    const orders = [keys, keys.toReversed(), [...keys.slice(20), ...keys.slice(0, 20)], keys];
    const answers = await Promise.all(
      orders.map(async (order) => {
        const events = await publish(...order.map((n) => paid(n, `round ${round} key ${n}`)));
        return new Map(order.map((n, index) => [n, events[index]?.id]));
      }),
    );
    const [first] = answers;
    for (const answer of answers) for (const n of keys) expect(answer.get(n)).toBe(first?.get(n));
  }
  expect(await recorded()).toHaveLength(5 * keys.length);
});

test('whatever is published, each key is one event, and each publication without a key is one more', async () => {
  const key = fc.option(fc.constantFrom('a', 'b', 'c'));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(key, { maxLength: 6 }), { maxLength: 4 }), async (calls) => {
      await orm.em.fork().execute('truncate webhook_events, webhook_outbox, webhook_idempotency_keys');
      const idOfKey = new Map<string, string>();
      const order: string[] = [];
      for (const call of calls) {
        const events = await publish(...call.map((idempotencyKey) => ({ type: 'a.b', data: {}, idempotencyKey })));
        expect(events).toHaveLength(call.length);
        events.forEach(({ id }, index) => {
          const used = call[index];
          if (used != null && idOfKey.has(used)) {
            expect(id).toBe(idOfKey.get(used));
          } else {
            if (used != null) idOfKey.set(used, id);
            order.push(id);
          }
        });
      }
      expect((await recorded()).map(({ id }) => id)).toEqual(order);
    }),
    { numRuns: 30 },
  );
});

test('a test event is for its endpoint alone, and is stored beside the line', async () => {
  const event = await transactions.run((em) => Promise.resolve(recordTestEvent(em, 'crm')));
  const [stored] = await recorded();
  expect(stored).toMatchObject({
    id: event.id,
    type: 'webhook.test',
    subject: null,
    addressedTo: 'crm',
  });
  expect(fromPayload(event.payload).data).toEqual({ endpoint_id: 'crm' });
  expect(await orm.em.fork().find(Replay, {})).toMatchObject([
    { endpointId: 'crm', eventId: event.id, origin: 'test', id: expect.stringMatching(/^[0-9a-f-]{14}7/) },
  ]);
});
