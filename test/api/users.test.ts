import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Door, openDoor } from './door.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const fields = 'id email displayName avatarUrl role createdAt updatedAt';
const update = `mutation ($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { ${fields} } }`;

async function create(input: object) {
  const { data, errors } = await door.ask(
    `mutation ($input: CreateUserInput!) { createUser(input: $input) { ${fields} } }`,
    { input },
  );
  expect(errors).toBeUndefined();
  return data.createUser;
}

async function eventsOf(subject: string): Promise<string[]> {
  const events = await recordedEvents(door.orm, { subject });
  return events.map(({ type }) => type);
}

test('a user is made, read, changed and deleted, each change with its event', async () => {
  const made = await create({ email: 'ada@example.com', displayName: 'Ada' });
  expect(made).toMatchObject({ email: 'ada@example.com', displayName: 'Ada', avatarUrl: null, role: 'USER' });
  expect(made.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  const { data: read } = await door.ask(`query ($id: ID!) { user(id: $id) { ${fields} } }`, { id: made.id });
  expect(read.user).toEqual(made);

  const { data: changed } = await door.ask(update, { id: made.id, input: { role: 'ADMIN' } });
  expect(changed.updateUser).toMatchObject({
    id: made.id,
    email: 'ada@example.com',
    displayName: 'Ada',
    role: 'ADMIN',
  });

  const { data: gone } = await door.ask('mutation ($id: ID!) { deleteUser(id: $id) }', { id: made.id });
  expect(gone).toEqual({ deleteUser: true });
  const { data: after } = await door.ask('query ($id: ID!) { user(id: $id) { id } }', { id: made.id });
  expect(after).toEqual({ user: null });
  expect(await eventsOf(made.id)).toEqual(['user.created', 'user.updated', 'user.deleted']);
});

test('in an update an absent field stays and null clears it', async () => {
  const { id } = await create({ email: 'grace@example.com', displayName: 'Grace' });
  await door.ask(update, { id, input: { avatarUrl: 'https://example.com/g.png' } });
  const { data } = await door.ask(update, { id, input: { displayName: null } });
  expect(data.updateUser).toMatchObject({
    email: 'grace@example.com',
    displayName: null,
    avatarUrl: 'https://example.com/g.png',
  });
});

test.each([{ email: null }, { role: null }])('%j cannot be cleared', async (input) => {
  const { id } = await create({ email: 'joan@example.com' });
  const { errors } = await door.ask(update, { id, input });
  expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  expect(await eventsOf(id)).toEqual(['user.created']);
});

test.each([randomUUIDv7(), 'no-uuid', '', "' or 1=1", '1e3', '\0'])(
  'the id %j of no user is null to a query and NOT_FOUND to a mutation',
  async (id) => {
    const { data, errors } = await door.ask('query ($id: ID!) { user(id: $id) { id } }', { id });
    expect([data, errors]).toEqual([{ user: null }, undefined]);
    for (const mutation of [update, 'mutation ($id: ID!) { deleteUser(id: $id) }']) {
      const answer = await door.ask(mutation, mutation === update ? { id, input: {} } : { id });
      expect(answer.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    }
  },
);
