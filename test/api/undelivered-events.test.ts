import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '../../src/model/new-id.ts';
import { firstIdOf } from '../../src/model/uuid.ts';
import { emptyLog } from '../support/recorded-events.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor, storeDelivery, storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

async function clear(): Promise<void> {
  await emptyLog(door.orm);
  await door.orm.em.fork().execute('truncate webhook_deliveries, webhook_cursors, webhook_replays');
}
beforeEach(clear);

const query = `query ($filter: WebhookEventFilter, $first: Int, $after: String, $last: Int) {
  webhookEvents(filter: $filter, first: $first, after: $after, last: $last) {
    nodes { id outcomes { endpointId outcome } } totalCount pageInfo { hasNextPage endCursor } } }`;

async function page(filter: object, more: object = { first: 200 }) {
  const { data, errors } = await door.ask(query, { filter: { notDeliveredTo: 'crm', ...filter }, ...more });
  expect(errors).toBeUndefined();
  return data.webhookEvents;
}
const idsOf = ({ nodes }: { nodes: { id: string }[] }) => nodes.map(({ id }) => id);

const generation = 3;
const row = fc.record({
  status: fc.constantFrom('delivered', 'retrying', 'failed'),
  made: fc.constantFrom(
    { generation, origin: 'line' } as const,
    { generation: 2, origin: 'line' } as const,
    { generation, origin: 'replay' } as const,
  ),
  endpointId: fc.constantFrom('crm', 'crm', 'shop'),
});
const stored = fc.record({
  type: fc.constantFrom('order.paid', 'order.sent', 'user.login'),
  subject: fc.constantFrom('s', 't', null),
  rows: fc.array(row, { maxLength: 3 }),
  kind: fc.constantFrom('plain', 'plain', 'plain', 'test', 'addressed'),
});
const world = fc.record({
  events: fc.array(stored, { minLength: 1, maxLength: 8 }),
  queued: fc.nat({ max: 2 }),
  cursor: fc.option(fc.nat({ max: 8 }), { freq: 8 }),
  patterns: fc.constantFrom(['order.*'], ['*'], ['order.paid', 'user.login'], ['nothing.like_it']),
  enabled: fc.constantFrom(true, true, true, false),
  /** Far behind the log's end, or near it. */
  head: fc.constantFrom(9, 1_000_000),
});
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const asked = fc.record({
  types: optional(fc.subarray(['order.paid', 'order.sent', 'none.of_them'])),
  subject: optional(fc.constantFrom('s', 'u')),
  since: optional(fc.nat({ max: 8 })),
  until: optional(fc.nat({ max: 8 })),
});

/** The first half of a UUIDv7 of that time. */
const idAt = (time: Date) => firstIdOf(time.getTime()).slice(0, 13);

const matching = (patterns: readonly string[], type: string) =>
  patterns.some(
    (pattern) => pattern === '*' || pattern === type || (pattern === 'order.*' && type.startsWith('order.')),
  );

test('the list holds what failed and was not delivered since, and what is to come, with every other filter', async () => {
  let before = 0;
  await fc.assert(
    fc.asyncProperty(world, asked, async (given, filter) => {
      const { events, cursor, patterns, enabled, head } = given;
      // Behind what others left in the log.
      before += 10;
      const crm = `crm-${before}`;
      const shop = `shop-${before}`;
      const { orm } = door;
      door.endpoints = [endpoint({ id: crm, events: patterns, enabled })];
      await orm.em.fork().execute('delete from webhook_outbox');
      await orm.em.fork().execute('update webhook_log_head set position = ?', [before + head]);
      const start = Date.now() - 60_000;
      const at = (index: number) => new Date(start + index * 1_000);
      const expected: string[] = [];
      const storing: Promise<unknown>[] = [];
      if (cursor !== null) storing.push(storeCursor(orm, { endpointId: crm, generation, position: before + cursor }));
      for (const [index, { type, subject, rows, kind }] of events.entries()) {
        const isQueued = index >= events.length - given.queued;
        const position = before + index + 1;
        const id = newId();
        const event = { id: `${idAt(at(index))}${id.slice(13)}`, type, subject, createdAt: at(index) };
        storing.push(
          storeEvent(orm, {
            ...event,
            position: isQueued ? null : position,
            addressedTo: kind === 'plain' ? null : crm,
          }),
        );
        if (kind === 'test') {
          const queued = [id, crm, event.id];
          storing.push(
            orm.em
              .fork()
              .execute(
                `insert into webhook_replays (id, endpoint_id, event_id, origin) values (?, ?, ?, 'test')`,
                queued,
              ),
          );
        }
        const all = isQueued ? [] : rows;
        for (const { status, made, endpointId } of all) {
          const attempt = { eventId: event.id, eventType: type, position, createdAt: at(index), ...made } as const;
          storing.push(storeDelivery(orm, { ...attempt, endpointId: endpointId === 'crm' ? crm : shop, status }));
        }
        const own = all.filter(({ endpointId }) => endpointId === 'crm');
        const last = own.map(({ status }) => status).findLast((status) => status !== 'retrying');
        const isSettled = own.some(
          ({ status, made }) => status !== 'retrying' && made.origin === 'line' && made.generation === generation,
        );
        const isAhead = enabled && cursor !== null && (isQueued || index + 1 > cursor);
        const isToCome = isAhead && kind === 'plain' && matching(patterns, type) && !isSettled;
        const isWanted =
          (filter.types === undefined || filter.types.some((one) => one === type)) &&
          (filter.subject === undefined || filter.subject === subject) &&
          (filter.since === undefined || index >= filter.since) &&
          (filter.until === undefined || index < filter.until);
        if (isWanted && (isToCome || last === 'failed' || kind === 'test')) expected.unshift(event.id);
      }
      await Promise.all(storing);
      const times = {
        since: filter.since === undefined ? undefined : at(filter.since),
        until: filter.until === undefined ? undefined : at(filter.until),
      };
      const found = await page({ ...filter, ...times, notDeliveredTo: crm });
      expect(idsOf(found)).toEqual(expected);
      expect(found.totalCount).toBe(expected.length);
    }),
    { numRuns: 60 },
  );
});

async function storeMany(count: number, head = count): Promise<string[]> {
  door.endpoints = [endpoint({ id: 'crm' })];
  await storeCursor(door.orm, { endpointId: 'crm', generation, position: 6 });
  await door.orm.em.fork().execute('update webhook_log_head set position = ?', [head]);
  const ids: string[] = [];
  for (let position = 1; position <= count; position += 1) {
    const { id, createdAt } = await storeEvent(door.orm, { position });
    const failed = { eventId: id, position, generation, createdAt, status: 'failed' as const };
    if (position <= 6 && position % 2 === 0) await storeDelivery(door.orm, failed);
    if (position > 6 || position % 2 === 0) ids.unshift(id);
  }
  return ids;
}

test.each([12, 1_000_000])(
  'its pages follow each other, from either end, below a log that ends at %i',
  async (head) => {
    const ids = await storeMany(12, head);
    const first = await page({}, { first: 4 });
    expect([idsOf(first), first.pageInfo.hasNextPage]).toEqual([ids.slice(0, 4), true]);
    const second = await page({}, { first: 10, after: first.pageInfo.endCursor });
    expect([idsOf(second), second.pageInfo.hasNextPage]).toEqual([ids.slice(4), false]);
    expect(idsOf(await page({}, { last: 2 }))).toEqual(ids.slice(-2));
  },
);

test.each([{}, { types: ['order.paid', 'order.sent'] }])(
  'an event that failed very often is on one page, and none once it was delivered: %o',
  async (filter) => {
    const { orm } = door;
    const ids: string[] = [];
    for (const [position, failures] of [1, 30, 30, 1, 30, 14, 1].entries()) {
      const { id, createdAt } = await storeEvent(orm, { position: position + 1 });
      const attempt = { eventId: id, position: position + 1, createdAt };
      for (let time = 0; time < failures; time += 1) await storeDelivery(orm, { ...attempt, status: 'failed' });
      if (position % 2 === 0) await storeDelivery(orm, { ...attempt, origin: 'replay' });
      else ids.unshift(id);
    }
    door.endpoints = [];
    const seen: string[] = [];
    for (let after = null, hasNextPage = true; hasNextPage;) {
      const { nodes, pageInfo } = await page(filter, { first: 1, after });
      seen.push(...idsOf({ nodes }));
      ({ endCursor: after, hasNextPage } = pageInfo);
    }
    expect(seen).toEqual(ids);
    expect(idsOf(await page(filter, { last: 1 }))).toEqual(ids.slice(-1));
    expect((await page(filter)).totalCount).toBe(ids.length);
  },
);

test('of a subject with very many events it is the same list', async () => {
  const ids = await storeMany(9);
  const { orm } = door;
  await orm.em.fork().execute(`update webhook_events set subject = 'all'`);
  await orm.em.fork().execute(`update webhook_log set line = hashtextextended('all', 0)`);
  await orm.em.fork().execute(
    `insert into webhook_log (position, event_id, type, line, configuration, positioned_at)
       select 1000 + n, gen_random_uuid(), 'none.of_them', hashtextextended('all', 0), 0, now() from generate_series(1, 2500) n`,
  );
  await orm.em.fork().execute(
    `insert into webhook_events (id, type, subject, payload, created_at)
       select event_id, type, 'all', '{}', now() from webhook_log where position > 1000`,
  );
  door.endpoints = [endpoint({ id: 'crm', events: ['order.*'] })];
  expect(idsOf(await page({ subject: 'all' }))).toEqual(ids);
});

test('of an endpoint that is gone it is what failed, and of one that never was it is nothing', async () => {
  const ids = await storeMany(9);
  door.endpoints = [];
  await door.orm.em.fork().execute('truncate webhook_cursors');
  expect(idsOf(await page({}))).toEqual(ids.slice(3));
  for (const notDeliveredTo of ['never', '', "'", '\0']) expect(idsOf(await page({ notDeliveredTo }))).toEqual([]);
});
