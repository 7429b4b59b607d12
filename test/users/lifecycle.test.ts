// What an admin may write into a user, and what is told of it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { User } from '../../src/model/user.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { fromPayload } from '../../src/outbox/payload.ts';
import { createTransactions, type Transactions } from '../../src/outbox/transactions.ts';
import type { CreateUserInput, UpdateUserInput } from '../../src/users/input.ts';
import { createUser, deleteUser, findUser, updateUser } from '../../src/users/lifecycle.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
let transactions: Transactions;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 6, name: 'lifecycle-test' });
  transactions = createTransactions({ orm, onCommit: () => {} });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const ada = { email: 'ada@example.com', displayName: 'Ada', role: 'USER' as const };

/** Types and data of what was recorded about a user, in the order of recording. */
async function told(subject: string) {
  const events = await recordedEvents(orm, { subject });
  return events.map(({ type, payload }) => [type, fromPayload(payload).data]);
}

test('a new user is stored as given, the e-mail trimmed; its event has email, display_name and no provider', async () => {
  const user = await createUser(transactions, { email: '  Ada@Example.com\n', displayName: 'Ada' });
  const stored = await orm.em.fork().findOneOrFail(User, user.id);
  expect(stored).toMatchObject({ email: 'Ada@Example.com', displayName: 'Ada', avatarUrl: null, role: 'USER' });
  expect(stored.createdAt).toEqual(stored.updatedAt);
  expect(user.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(await told(user.id)).toEqual([
    ['user.created', { user_id: user.id, email: 'Ada@Example.com', display_name: 'Ada', provider: null }],
  ]);
});

test('two users may have the same e-mail', async () => {
  const [one, two] = [await createUser(transactions, ada), await createUser(transactions, ada)];
  expect(one.id).not.toBe(two.id);
});

test('the event of an update has what changed, sorted, with the new values, and nothing else', async () => {
  const { id } = await createUser(transactions, ada);
  await updateUser(transactions, id, {
    role: 'ADMIN',
    email: 'countess@example.com',
    displayName: null,
    avatarUrl: 'https://example.com/ada.png',
  });
  await updateUser(transactions, id, { displayName: 'Ada', role: 'ADMIN', avatarUrl: undefined });
  await updateUser(transactions, id, { avatarUrl: null });
  expect((await told(id)).slice(1)).toEqual([
    [
      'user.updated',
      {
        user_id: id,
        changed: ['avatar_url', 'display_name', 'email', 'role'],
        avatar_url: 'https://example.com/ada.png',
        display_name: null,
        email: 'countess@example.com',
        role: 'ADMIN',
      },
    ],
    ['user.updated', { user_id: id, changed: ['display_name'], display_name: 'Ada' }],
    ['user.updated', { user_id: id, changed: ['avatar_url'], avatar_url: null }],
  ]);
  expect(await orm.em.fork().findOneOrFail(User, id)).toMatchObject({
    email: 'countess@example.com',
    displayName: 'Ada',
    avatarUrl: null,
    role: 'ADMIN',
  });
});

test('an update that changes nothing emits no event, and keeps updatedAt', async () => {
  const made = await createUser(transactions, ada);
  for (const input of [{}, ada, { email: ' ada@example.com ' }, { avatarUrl: null }]) {
    expect(await updateUser(transactions, made.id, input)).toMatchObject({ ...ada, updatedAt: made.updatedAt });
  }
  expect(await told(made.id)).toHaveLength(1);
});

test('the event of a deletion has the user’s id and nothing more', async () => {
  const { id } = await createUser(transactions, ada);
  await deleteUser(transactions, id);
  expect(await findUser(orm.em.fork(), id)).toBeNull();
  expect((await told(id)).at(-1)).toEqual(['user.deleted', { user_id: id }]);
});

test('an id may be written in upper case, and the event has it as it is stored', async () => {
  const { id } = await createUser(transactions, ada);
  expect(await findUser(orm.em.fork(), id.toUpperCase())).toMatchObject({ id });
  expect(await updateUser(transactions, id.toUpperCase(), { displayName: 'A.' })).toMatchObject({ id });
  await deleteUser(transactions, id.toUpperCase());
  expect((await told(id)).map(([type, data]) => [type, (data as { user_id: string }).user_id])).toEqual([
    ['user.created', id],
    ['user.updated', id],
    ['user.deleted', id],
  ]);
});

test.each([
  '01937b2a-0000-7000-8000-000000000001',
  'x',
  '',
  '{01937b2a-0000-7000-8000-000000000001}',
  "' or 1=1",
  '\0',
])('a user that does not exist is NOT_FOUND, whatever the form of its id: %j', async (id) => {
  expect(await findUser(orm.em.fork(), id)).toBeNull();
  await expect(updateUser(transactions, id, { displayName: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(deleteUser(transactions, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test.each<[keyof UpdateUserInput, unknown]>([
  ['email', null],
  ['email', ''],
  ['email', '   '],
  ['email', 'ada'],
  ['email', 'ada@'],
  ['email', '@example.com'],
  ['email', 'a da@example.com'],
  ['email', 'a@b@example.com'],
  ['email', 'ada\0@example.com'],
  ['email', 'ada\ud800@example.com'],
  ['email', `${'a'.repeat(64)}@${'b'.repeat(256)}`],
  ['email', 7],
  ['displayName', 'a\0'],
  ['displayName', 'a\udc00'],
  ['displayName', 'a'.repeat(201)],
  ['displayName', {}],
  ['role', null],
  ['role', 'OWNER'],
])('%s %j is BAD_USER_INPUT that names the field; nothing is stored, and no event is emitted', async (field, value) => {
  const { id } = await createUser(transactions, ada);
  const before = [await orm.em.fork().count(User), await orm.em.fork().count(WebhookEvent)];
  const refused = { code: 'BAD_USER_INPUT', message: expect.stringMatching(`^${field}: .`) };
  const input = { ...ada, [field]: value } as unknown as CreateUserInput;
  await expect(createUser(transactions, input)).rejects.toMatchObject(refused);
  await expect(updateUser(transactions, id, { [field]: value })).rejects.toMatchObject(refused);
  expect([await orm.em.fork().count(User), await orm.em.fork().count(WebhookEvent)]).toEqual(before);
});

test.each([
  'javascript:alert(1)',
  'data:text/html,x',
  'ftp://example.com/a.png',
  '//example.com/a.png',
  'ada.png',
  '',
  ' https://example.com',
  'https://example.com/\0',
  `https://example.com/${'a'.repeat(2048)}`,
])('an avatar that is not an http or https URL is BAD_USER_INPUT: %j', async (avatarUrl) => {
  const { id } = await createUser(transactions, ada);
  await expect(updateUser(transactions, id, { avatarUrl })).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    message: expect.stringMatching(/^avatarUrl: ./),
  });
});

test.each(['ada@localhost', 'Ada.Lovelace+x@exämple.com', '数学@example.com', `${'a'.repeat(64)}@example.com`])(
  'an unusual e-mail is kept as given: %s',
  async (email) => {
    const { id } = await createUser(transactions, { email, displayName: '😀 Ada ' });
    expect(await findUser(orm.em.fork(), id)).toMatchObject({ email, displayName: '😀 Ada ' });
  },
);

test('when a user is updated from three sides at once, the last event says what is stored', async () => {
  for (let round = 0; round < 40; round += 1) {
    const { id } = await createUser(transactions, ada);
    await Promise.all(['x', 'y', 'z'].map((displayName) => updateUser(transactions, id, { displayName })));
    const events = await told(id);
    expect(events).toHaveLength(4);
    expect(events.at(-1)?.[1]).toMatchObject({ display_name: (await findUser(orm.em.fork(), id))?.displayName });
  }
});

test('when a user is updated and deleted at once, no event follows user.deleted', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { id } = await createUser(transactions, ada);
    const changes = [
      updateUser(transactions, id, { displayName: 'x' }),
      deleteUser(transactions, id),
      updateUser(transactions, id, { displayName: 'y' }),
    ];
    const outcomes = await Promise.allSettled<unknown>(changes);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'NOT_FOUND' });
    }
    const types = (await told(id)).map(([type]) => type);
    expect(types.at(-1)).toBe('user.deleted');
    expect(types).toHaveLength(1 + outcomes.filter(({ status }) => status === 'fulfilled').length);
  }
});
