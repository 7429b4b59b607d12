// The users as their events tell them, to hold against the users as they are stored.

import type { MikroORM } from '@mikro-orm/postgresql';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { Session } from '../../src/model/session.ts';
import { User } from '../../src/model/user.ts';

/** `sessions` counts: none of them was ended but with its user. */
type Known = { email: unknown; displayName: unknown; providers: string[]; sessions: number };
type Data = { user_id: string; provider: string | null; email?: unknown; display_name?: unknown };

/** By user id. Throws at an event that cannot follow those before it. */
export function usersAsTold(events: readonly [type: string, data: unknown][]): Record<string, Known> {
  const users = new Map<string, Known>();
  for (const [type, told] of events) {
    const { user_id: id, provider, email, display_name: displayName } = told as Data;
    const user = users.get(id);
    if ((user === undefined) !== (type === 'user.created'))
      throw new Error(`${type} of ${id} tells of nobody, or again`);
    if (!user) {
      users.set(id, { email, displayName, providers: provider === null ? [] : [provider], sessions: 0 });
    } else if (type === 'user.login') {
      if (provider === null || !user.providers.includes(provider)) throw new Error(`${id} came in by ${provider}`);
      user.sessions += 1;
    } else if (type === 'user.updated') {
      if (email !== undefined) user.email = email;
      if (displayName !== undefined) user.displayName = displayName;
    } else if (type === 'user.oauth_linked') {
      if (provider === null || user.providers.includes(provider)) throw new Error(`${id} linked ${provider} again`);
      user.providers = [...user.providers, provider].sort();
    } else if (type === 'user.oauth_unlinked') {
      if (provider === null || !user.providers.includes(provider)) throw new Error(`${id} never linked ${provider}`);
      user.providers = user.providers.filter((one) => one !== provider);
    } else if (type === 'user.deleted') {
      users.delete(id);
    } else {
      throw new Error(`Nobody tells ${type}`);
    }
  }
  return Object.fromEntries(users);
}

export async function usersAsStored(orm: MikroORM): Promise<Record<string, Known>> {
  const em = orm.em.fork();
  const accounts = await em.find(OAuthAccount, {}, { orderBy: { provider: 'asc' } });
  const sessions = await em.find(Session, {});
  const users = await em.find(User, {});
  return Object.fromEntries(
    users.map(({ id, email, displayName }) => [
      id,
      {
        email,
        displayName,
        providers: accounts.filter(({ userId }) => userId === id).map(({ provider }) => provider),
        sessions: sessions.filter(({ userId }) => userId === id).length,
      },
    ]),
  );
}
