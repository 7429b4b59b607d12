// Events are recorded with their change, in the order in which they were emitted.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { User } from '../../src/model/user.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { emit, emitUserEvent } from '../../src/outbox/emitter.ts';
import { fromPayload } from '../../src/outbox/payload.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'emitter-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const recorded = () => recordedEvents(orm);

test('an event cannot be emitted outside a transaction', async () => {
  await expect(emit(orm.em.fork(), { type: 'a.b', data: {} })).rejects.toThrow(/a\.b was emitted outside a transaction/);
});

test('the events of one transaction are numbered in the order in which they were emitted, more than a batch of them', async () => {
  const types = Array.from({ length: 700 }, (_, n) => `order.n${n}`);
  const ids = await orm.em.fork().transactional(async (em) => {
    const found: string[] = [];
    for (const [n, type] of types.entries()) {
      found.push((await emit(em, { type, data: { n } })).id);
      // Other rows between them, and a flush halfway, change nothing.
      if (n % 100 === 0) {
        em.persist(em.create(User, userRow()));
      }
      if (n === 350) await em.flush();
    }
    return found;
  });
  const events = await recorded();
  expect(events.map(({ id }) => id)).toEqual(ids);
  expect(events.map(({ type }) => type)).toEqual(types);
});

test('a user’s event is about the user, and is stored as it was made', async () => {
  const userId = crypto.randomUUID();
  const now = new Date('2026-11-23T10:00:00.123Z');
  const made = await orm.em
    .fork()
    .transactional(async (em) => emitUserEvent(em, 'user.oauth_linked', userId, { provider: 'goo\0gle' }, now));
  const stored = await orm.em.fork().findOneOrFail(WebhookEvent, made.id);
  expect(stored).toMatchObject({ subject: userId, addressedTo: null, createdAt: now, payload: made.payload });
  expect(fromPayload(stored.payload)).toEqual({
    eventId: made.id,
    type: 'user.oauth_linked',
    timestamp: now,
    data: { user_id: userId, provider: 'goo\0gle' },
  });
});

test('an event is rolled back with its transaction', async () => {
  const before = (await recorded()).length;
  const failing = orm.em.fork().transactional(async (em) => {
    await emit(em, { type: 'a.b', data: {} });
    await em.flush();
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await recorded()).toHaveLength(before);
});

function userRow() {
  const now = new Date();
  return {
    id: crypto.randomUUID(),
    email: 'ada@example.com',
    displayName: null,
    avatarUrl: null,
    role: 'USER' as const,
    createdAt: now,
    updatedAt: now,
  };
}
