// Users' accounts at providers: find the owner, link, unlink.

import type { EntityManager } from '@mikro-orm/postgresql';
import { OAuthAccount } from '../model/oauth-account.ts';
import type { User } from '../model/user.ts';
import { emitUserEvent } from '../outbox/emitter.ts';
import { Refusal } from '../policy/refusal.ts';
import { addUser, lockUser, lockUserIfAny } from './lifecycle.ts';
import type { Identity } from './providers/provider.ts';

/** The accounts of each of these users, in the order of `userIds`; of one user the first linked first. */
export async function accountsOf(em: EntityManager, userIds: readonly string[]): Promise<OAuthAccount[][]> {
  const accounts = await em.find(
    OAuthAccount,
    { userId: { $in: [...userIds] } },
    { orderBy: { linkedAt: 'asc', provider: 'asc' } },
  );
  const byUser = Map.groupBy(accounts, ({ userId }) => userId);
  return userIds.map((id) => byUser.get(id) ?? []);
}

/**
 * The owner of this identity, locked; when it has none, a new user with user.created. The profile of a known user stays,
 * and an e-mail address never identifies a user: identity is (provider, subject).
 */
export async function ownerOrNewUser(em: EntityManager, identity: Identity, now: Date): Promise<User> {
  await lockIdentity(em, identity);
  const ownerId = await ownerIdOf(em, identity);
  const owner = ownerId === null ? null : await lockUserIfAny(em, ownerId);
  // Deleted or unlinked while we waited for the lock: it has no owner now, and nobody else can take it.
  if (owner && (await ownerIdOf(em, identity)) === ownerId) return owner;
  const { email, displayName, avatarUrl, provider } = identity;
  const user = await addUser(em, { email, displayName, avatarUrl, role: 'USER' }, provider, now);
  // The account's row refers to the user's, which the ORM does not know.
  await em.flush();
  addAccount(em, user, identity, now);
  return user;
}

/**
 * Gives this identity to the user, with user.oauth_linked; nothing happens when it is the user's already. `configured`
 * are the providers at which somebody can sign in. Throws Refusal NOT_FOUND for the user, CONFLICT.
 */
export async function linkAccount(
  em: EntityManager,
  userId: string,
  identity: Identity,
  configured: ReadonlySet<string>,
  now: Date,
): Promise<User> {
  await lockIdentity(em, identity);
  const user = await lockUser(em, userId);
  const { provider } = identity;
  const ownerId = await ownerIdOf(em, identity);
  if (ownerId === user.id) return user;
  if (ownerId !== null) {
    const canBeUnlinked = hasAnotherWay(await em.find(OAuthAccount, { userId: ownerId }), provider, configured);
    const wayOut = canBeUnlinked
      ? 'Unlink it there, or choose another account.'
      : `It is that user's only way to sign in. If that user is you, delete it first (deleteAccount, or an admin's deleteUser, id ${ownerId}), then start again; else choose another account.`;
    throw new Refusal('CONFLICT', `This account at ${provider} belongs to another user. ${wayOut}`);
  }
  if ((await em.count(OAuthAccount, { userId: user.id, provider })) > 0) {
    throw new Refusal('CONFLICT', `The user has another account at ${provider} already. Unlink that one first.`);
  }
  addAccount(em, user, identity, now);
  await emitUserEvent(em, 'user.oauth_linked', user.id, { provider }, now);
  return user;
}

/**
 * Removes the user's account at this provider, with user.oauth_unlinked. At least one at the providers that are
 * `configured` stays. Throws Refusal NOT_FOUND, CONFLICT.
 */
export async function unlinkAccount(
  em: EntityManager,
  userId: string,
  provider: string,
  configured: ReadonlySet<string>,
): Promise<User> {
  const user = await lockUser(em, userId);
  const accounts = await em.find(OAuthAccount, { userId: user.id });
  const account = accounts.find((one) => one.provider === provider);
  if (!account) throw new Refusal('NOT_FOUND', 'You have no account at this provider.', 'provider');
  if (!hasAnotherWay(accounts, provider, configured)) {
    throw new Refusal('CONFLICT', 'This is your last way to sign in. Link another account first.');
  }
  em.remove(account);
  await emitUserEvent(em, 'user.oauth_unlinked', user.id, { provider });
  return user;
}

function hasAnotherWay(accounts: readonly OAuthAccount[], provider: string, configured: ReadonlySet<string>): boolean {
  return accounts.some((other) => other.provider !== provider && configured.has(other.provider));
}

/**
 * Until this transaction ends nobody else can sign in with this identity or link it, so that a new identity gets one owner.
 * Always taken before the lock on a user, never after it.
 */
async function lockIdentity(em: EntityManager, { provider, subject }: Identity): Promise<void> {
  await em.execute('select pg_advisory_xact_lock(hashtextextended(?, hashtext(current_schema)))', [
    JSON.stringify([provider, subject]),
  ]);
}

/** Not from the identity map, because it is asked again after a lock. */
async function ownerIdOf(em: EntityManager, { provider, subject }: Identity): Promise<string | null> {
  const rows = await em.execute<{ user_id: string }[]>(
    'select user_id from oauth_accounts where provider = ? and subject = ?',
    [provider, subject],
  );
  return rows[0]?.user_id ?? null;
}

function addAccount(em: EntityManager, user: User, { provider, subject }: Identity, now: Date): void {
  em.persist(em.create(OAuthAccount, { provider, subject, userId: user.id, linkedAt: now }));
}
