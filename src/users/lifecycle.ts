// Creates, updates and deletes users, each change with its event in one transaction.

import { newId } from '../model/new-id.ts';
import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { User } from '../model/user.ts';
import { asUuid } from '../model/uuid.ts';
import { emitUserEvent } from '../outbox/emitter.ts';
import type { JsonObject } from '../outbox/payload.ts';
import type { Transactions } from '../outbox/transactions.ts';
import { Refusal } from '../policy/refusal.ts';
import { type CreateUserInput, parseNewUser, parseUserChange, type UpdateUserInput } from './input.ts';

/** Makes a user and records user.created. Throws Refusal BAD_USER_INPUT. */
export async function createUser(transactions: Transactions, input: CreateUserInput): Promise<User> {
  const { email, displayName = null, role } = parseNewUser(input);
  return await transactions.run(async (em) => {
    return await addUser(em, { email, displayName, avatarUrl: null, role }, null, new Date());
  });
}

/**
 * Adds a user and user.created to the transaction of `em`; `provider` is where the user signed in, null for a user that an
 * admin makes.
 */
export async function addUser(
  em: EntityManager,
  fields: Pick<User, 'email' | 'displayName' | 'avatarUrl' | 'role'>,
  provider: string | null,
  now: Date,
): Promise<User> {
  const user = em.create(User, { id: newId(), ...fields, createdAt: now, updatedAt: now });
  em.persist(user);
  await emitUserEvent(em, 'user.created', user.id, introduction(user, provider), now);
  return user;
}

/** The fields of user.created and user.login besides the id. */
export function introduction(user: User, provider: string | null): JsonObject {
  return { email: user.email, display_name: user.displayName, provider };
}

/** The fields that an update may change, by the names they have in an event, in alphabetical order. */
const changeable = { avatar_url: 'avatarUrl', display_name: 'displayName', email: 'email', role: 'role' } as const;

/**
 * Changes what the input names, and records user.updated when that made a difference.
 * Throws Refusal NOT_FOUND, BAD_USER_INPUT.
 */
export async function updateUser(transactions: Transactions, id: string, input: UpdateUserInput): Promise<User> {
  const wanted = parseUserChange(input);
  return await transactions.run(async (em) => {
    const user = await lockUser(em, id);
    const changes = Object.entries(changeable)
      .map(([name, field]) => ({ name, field, value: wanted[field] }))
      .filter(({ field, value }) => value !== undefined && value !== user[field]);
    if (changes.length === 0) return user;
    const now = new Date();
    Object.assign(user, Object.fromEntries(changes.map(({ field, value }) => [field, value])), { updatedAt: now });
    const news = Object.fromEntries(changes.map(({ name, value }) => [name, value]));
    await emitUserEvent(em, 'user.updated', user.id, { changed: Object.keys(news), ...news }, now);
    return user;
  });
}

/** Removes a user, with accounts and sessions, and records user.deleted. Throws Refusal NOT_FOUND. */
export async function deleteUser(transactions: Transactions, id: string): Promise<void> {
  await transactions.run(async (em) => {
    const user = await lockUser(em, id);
    em.remove(user);
    await emitUserEvent(em, 'user.deleted', user.id);
  });
}

/** The user with this id, or null; an id of the wrong form is one that does not exist. */
export async function findUser(em: EntityManager, id: string): Promise<User | null> {
  const stored = asUuid(id);
  return stored === null ? null : await em.findOne(User, { id: stored });
}

/**
 * Reads the user and locks it until this transaction ends; null when there is none. This is the first statement of every
 * transaction that changes a user, except the lock on an identity: a flush inserts the event before it updates the row,
 * so without the lock two changes could be recorded in one order and stored in the other.
 */
export async function lockUserIfAny(em: EntityManager, id: string): Promise<User | null> {
  const stored = asUuid(id);
  return stored === null ? null : await em.findOne(User, { id: stored }, { lockMode: LockMode.PESSIMISTIC_WRITE });
}

/** `lockUserIfAny`, for a user that must be there. Throws Refusal NOT_FOUND. */
export async function lockUser(em: EntityManager, id: string): Promise<User> {
  const user = await lockUserIfAny(em, id);
  if (!user) throw new Refusal('NOT_FOUND', 'There is no user with this id.');
  return user;
}
