import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Actor } from '../../src/dispatch/actor.ts';
import { createCursorWriter, placeEndpoints } from '../../src/dispatch/cursors.ts';
import type { Place } from '../../src/dispatch/place.ts';
import { openOrm } from '../../src/model/orm.ts';
import { SideItem } from '../../src/model/side-item.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { storeCursor, storeEvent } from '../api/stored-rows.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { clearTables, storeLog } from './stored-log.ts';
import { emptyPlace } from './hand-driven-dispatcher.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'cursors-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

function actorAt(id: string, given: Partial<Place> = {}): Actor {
  return new Actor(makeEndpoint({ id, events: ['a.*', 'b.*'] }), () => true, { ...emptyPlace, ...given }, 0);
}

const cursors = () => orm.em.fork().find(WebhookCursor, {}, { orderBy: { endpointId: 'asc' } });
const cursorOf = (endpointId: string) => orm.em.fork().findOneOrFail(WebhookCursor, { endpointId });

/** A writer whose statements are counted. */
function openWriter() {
  const seen = { statements: 0, failNext: false };
  const counting = {
    em: {
      fork: () => ({
        async execute(sql: string, values: unknown[]) {
          seen.statements += 1;
          if (seen.failNext) {
            seen.failNext = false;
            throw new Error('away');
          }
          return await orm.em.fork().execute(sql, values);
        },
      }),
    },
  };
  return { seen, ...createCursorWriter(counting as unknown as MikroORM) };
}

test('what moved is written in one statement, all of it, and what did not move costs none', async () => {
  await storeCursor(orm, { endpointId: 'one', position: 0, pauseReason: 'admin', resumes: 4 });
  await storeCursor(orm, { endpointId: 'two', position: 0 });
  const one = actorAt('one', { cursor: 5, previous: 3, backlog: 2, lastError: 'HTTP 503' });
  const two = actorAt('two', { cursor: 7, previous: 7 });
  const writer = openWriter();
  await writer.write([one, two], 9);
  expect(writer.seen.statements).toBe(1);
  expect(await cursorOf('one')).toMatchObject({
    generation: 1,
    position: 5,
    previous: 3,
    examined: 9,
    filter: 'a.*\nb.*',
    backlog: 2,
    lastError: 'HTTP 503',
    // Not the writer's to change.
    pauseReason: 'admin',
    resumes: 4,
  });
  expect(await cursorOf('two')).toMatchObject({ position: 7, previous: 7, examined: 9 });
  await writer.write([one, two], 9);
  expect(writer.seen.statements).toBe(1);
  await writer.write([one, two], 10);
  expect(writer.seen.statements).toBe(2);
  expect((await cursors()).map(({ examined }) => examined)).toEqual([10, 10]);
});

test('a write of another generation, or for an endpoint without a row, changes nothing', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 20, generation: 3 });
  const writer = openWriter();
  await writer.write([actorAt('crm', { generation: 2, cursor: 50 }), actorAt('gone', { cursor: 4 })], 60);
  expect(await cursors()).toMatchObject([{ endpointId: 'crm', generation: 3, position: 20, examined: 0 }]);
});

test('an actor whose rows must be read again is not written', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 3 });
  const actor = actorAt('crm', { cursor: 9 });
  actor.lose();
  await openWriter().write([actor], 9);
  expect((await cursorOf('crm')).position).toBe(3);
});

test('a write that failed is made again', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  const writer = openWriter();
  const actor = actorAt('crm', { cursor: 9 });
  writer.seen.failNext = true;
  await expect(writer.write([actor], 9)).rejects.toThrow('away');
  await writer.write([actor], 9);
  expect((await cursorOf('crm')).position).toBe(9);
});

test('a backlog is never stored below 0', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0, backlog: 4 });
  const actor = actorAt('crm');
  actor.backlog = -3;
  await openWriter().write([actor], 9);
  expect((await cursorOf('crm')).backlog).toBe(0);
});

const put = (...endpoints: Parameters<typeof placeEndpoints>[1]) =>
  orm.em.fork().transactional((em) => placeEndpoints(em, endpoints));

test('a new endpoint begins at the log’s end, a disabled one has no place, a removed one is forgotten', async () => {
  await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  expect(await put(makeEndpoint({ id: 'on', events: ['a.*'] }), makeEndpoint({ id: 'off', enabled: false }))).toBe(3);
  expect(await cursors()).toMatchObject([
    { endpointId: 'off', position: null },
    { endpointId: 'on', position: 3, examined: 3, filter: 'a.*', backlog: 0, previous: 0, resumes: 0 },
  ]);
  await put(makeEndpoint({ id: 'on' }));
  expect((await cursors()).map(({ endpointId }) => endpointId)).toEqual(['on']);
});

test('one that has a place keeps it, with its generation and its pause', async () => {
  await storeLog(orm, ['a.a', 'a.a', 'a.a']);
  const kept = { endpointId: 'crm', generation: 12, position: 1, examined: 2, backlog: 1, previous: 1, filter: 'a.*' };
  await storeCursor(orm, { ...kept, pauseReason: 'gone', lastError: 'HTTP 410', resumes: 2 });
  await put(makeEndpoint({ events: ['b.*'] }));
  expect(await cursorOf('crm')).toMatchObject({ ...kept, pauseReason: 'gone', lastError: 'HTTP 410', resumes: 2 });
});

test('disabled, it keeps its pause and loses its place; enabled again, it begins at the end in a new generation', async () => {
  await put(makeEndpoint());
  const { generation } = await cursorOf('crm');
  await orm.em.fork().nativeUpdate(WebhookCursor, 'crm', { pauseReason: 'admin', lastError: 'HTTP 500', backlog: 9 });
  await storeLog(orm, ['a.a', 'a.a']);
  await put(makeEndpoint({ enabled: false }));
  expect(await cursorOf('crm')).toMatchObject({ position: null, pauseReason: 'admin', backlog: 0 });
  await put(makeEndpoint());
  const again = await cursorOf('crm');
  expect(again).toMatchObject({
    position: 2,
    examined: 2,
    pauseReason: 'admin',
    lastError: null,
    backlog: 0,
    previous: 0,
  });
  expect(again.generation).toBeGreaterThan(generation);
});

test('removed and added again, it has a generation that was never used, and no pause', async () => {
  await put(makeEndpoint());
  await orm.em.fork().nativeUpdate(WebhookCursor, 'crm', { pauseReason: 'admin' });
  const used = new Set([(await cursorOf('crm')).generation]);
  for (const round of [1, 2, 3]) {
    await put();
    await put(makeEndpoint());
    const { generation, pauseReason } = await cursorOf('crm');
    expect(pauseReason).toBeNull();
    expect(used.size).toBe(round);
    used.add(generation);
  }
  expect(used.size).toBe(4);
});

test('what stands beside the line of an endpoint goes with its place', async () => {
  await put(...['kept', 'disabled', 'removed'].map((id) => makeEndpoint({ id })));
  await orm.em.fork().insertMany(
    SideItem,
    ['kept', 'disabled', 'removed'].map((endpointId) => ({
      id: randomUUIDv7(),
      endpointId,
      eventId: randomUUIDv7(),
      origin: 'test' as const,
    })),
  );
  await put(makeEndpoint({ id: 'kept' }), makeEndpoint({ id: 'disabled', enabled: false }));
  expect((await orm.em.fork().find(SideItem, {})).map(({ endpointId }) => endpointId)).toEqual(['kept']);
});

test('no event is numbered between the place of a new endpoint and its commit', async () => {
  await storeLog(orm, ['a.a']);
  await storeEvent(orm);
  const em = orm.em.fork();
  await em.begin();
  expect(await placeEndpoints(em, [makeEndpoint()])).toBe(1);
  const numbering = numberAll(orm);
  await eventually(async () => {
    const [{ count }] = await orm.em
      .fork()
      .execute<[{ count: number }]>('select count(*)::int as count from pg_locks where not granted');
    return count > 0;
  });
  await em.commit();
  expect(await numbering).toBe(2);
  expect((await cursorOf('crm')).position).toBe(1);
});

test('the cursor that is written is the actor’s: before the first event that is not settled', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  const actor = actorAt('crm', { backlog: 4 });
  actor.takePage(entriesFrom(1, 4), 4);
  actor.begin({ kind: 'line' }, 0);
  actor.finish({ settled: 3, failure: null }, 0, 0);
  await openWriter().write([actor], 4);
  expect(await cursorOf('crm')).toMatchObject({ position: 3, previous: 3, examined: 4, backlog: 1 });
});
