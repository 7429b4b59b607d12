// Who comes back from a provider is somebody: the same one as before, or a new one, and never two.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { Session } from '../../src/model/session.ts';
import { User } from '../../src/model/user.ts';
import { accountsOf } from '../../src/users/accounts.ts';
import { createUser, deleteUser, updateUser } from '../../src/users/lifecycle.ts';
import { openSignInWorld, sessionTtlMs, signedInBy, type SignInWorld } from './sign-in-world.ts';

let world: SignInWorld;
beforeAll(async () => (world = await openSignInWorld()));
afterAll(() => world[Symbol.asyncDispose]());

const find = (id: string) => world.orm.em.fork().findOne(User, { id });
const types = async (id: string) => (await world.told(id)).map(([type]) => type);

test('a first sign-in makes a user of the provider’s data, then signs in, and emits both events in this order', async () => {
  const person = { subject: 'ada-1', email: 'ada@example.com', name: 'Ada', picture: 'https://example.com/ada.png' };
  const before = Date.now();
  const { session, redirectTo } = await world.come('google', person);
  const { id } = session.user;
  expect(redirectTo).toBeNull();
  expect(await find(id)).toMatchObject({
    email: 'ada@example.com',
    displayName: 'Ada',
    avatarUrl: 'https://example.com/ada.png',
    role: 'USER',
  });
  const data = { user_id: id, email: 'ada@example.com', display_name: 'Ada', provider: 'google' };
  expect(await world.told(id)).toEqual([
    ['user.created', data],
    ['user.login', data],
  ]);
  const [accounts] = await accountsOf(world.orm.em.fork(), [id]);
  expect(accounts).toMatchObject([{ provider: 'google', subject: 'ada-1', linkedAt: expect.any(Date) }]);
  expect(session.expiresAt.getTime()).toBeGreaterThanOrEqual(before + sessionTtlMs);
  expect(session.expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + sessionTtlMs);
  expect(await world.sessions.find(session.token)).toMatchObject({ kind: 'signed-in', user: { id } });
});

test('when the provider gives no data of a person, the event has null', async () => {
  const { session } = await world.come('github', { subject: 'nobody', email: null, name: null });
  const data = { user_id: session.user.id, email: null, display_name: null, provider: 'github' };
  expect((await world.told(session.user.id)).map(([, told]) => told)).toEqual([data, data]);
});

test('a later sign-in emits user.login alone, with the profile as it is here, and changes none of it', async () => {
  const first = await world.come('google', { subject: 'bob-1', email: 'bob@example.com', name: 'Bob' });
  const { id } = first.session.user;
  await updateUser(world.transactions, id, { displayName: 'Robert' });
  const later = await world.come('google', { subject: 'bob-1', email: 'other@example.com', name: 'Other' });
  expect(later.session.user.id).toBe(id);
  expect(later.session.token).not.toBe(first.session.token);
  expect(await find(id)).toMatchObject({ email: 'bob@example.com', displayName: 'Robert' });
  expect((await world.told(id)).slice(3)).toEqual([
    ['user.login', { user_id: id, email: 'bob@example.com', display_name: 'Robert', provider: 'google' }],
  ]);
});

test('the same subject at another provider, and the same e-mail, are somebody else', async () => {
  const admin = await createUser(world.transactions, { email: 'same@example.com', role: 'ADMIN' });
  const person = { subject: 'same', email: 'same@example.com' };
  const people = [
    await world.come('google', person),
    await world.come('github', person),
    await world.come('google', { ...person, subject: 'Same' }),
  ];
  expect(new Set([admin.id, ...people.map(({ session }) => session.user.id)]).size).toBe(4);
  expect(people.map(({ session }) => session.user.role)).toEqual(['USER', 'USER', 'USER']);
  expect(await types(admin.id)).toEqual(['user.created']);
});

test('of twenty first sign-ins of one person at once, one makes the user, and all sign in', async () => {
  const came = await Promise.all(Array.from({ length: 20 }, () => world.come('google', 'everywhere')));
  const ids = new Set(came.map(({ session }) => session.user.id));
  expect(ids.size).toBe(1);
  const [id = ''] = ids;
  expect(await types(id)).toEqual(['user.created', ...Array<string>(20).fill('user.login')]);
  const em = world.orm.em.fork();
  expect(await em.count(OAuthAccount, { subject: 'everywhere' })).toBe(1);
  expect(await em.count(Session, { userId: id })).toBe(20);
  expect(new Set(came.map(({ session }) => session.token)).size).toBe(20);
});

test('a person who was deleted comes back as a new user, and the old sessions stay ended', async () => {
  const first = await world.come('google', 'phoenix');
  await deleteUser(world.transactions, first.session.user.id);
  const second = await world.come('google', 'phoenix');
  expect(second.session.user.id).not.toBe(first.session.user.id);
  expect(await types(second.session.user.id)).toEqual(['user.created', 'user.login']);
  expect(await world.sessions.find(first.session.token)).toEqual({ kind: 'ended' });
});

test('a sign-in whose user is deleted while it waits is a first sign-in', async () => {
  for (let round = 0; round < 10; round += 1) {
    const subject = `leaving-${round}`;
    const { id } = (await world.come('google', subject)).session.user;
    const outcomes = await Promise.all([
      world.come('google', subject),
      deleteUser(world.transactions, id),
      world.come('google', subject),
    ]);
    expect((await types(id)).at(-1)).toBe('user.deleted');
    const [account] = await world.orm.em.fork().find(OAuthAccount, { subject });
    const later = outcomes.flatMap((outcome) => (outcome && outcome.session.user.id !== id ? [outcome] : []));
    for (const { session } of later) {
      expect(session.user.id).toBe(account?.userId);
      expect(await world.sessions.find(session.token)).toMatchObject({ kind: 'signed-in' });
    }
    if (account) expect(await types(account.userId)).toEqual(['user.created', ...later.map(() => 'user.login')]);
  }
});

test('a sign-in with an account that is being unlinked is either before it, or of a new user', async () => {
  for (let round = 0; round < 10; round += 1) {
    const subject = `parting-${round}`;
    const who = signedInBy(await world.come('google', subject));
    await world.link(who, 'github', subject);
    const [came] = await Promise.all([world.come('github', subject), world.signIn.unlink(who.user.id, 'github')]);
    const told = await types(who.user.id);
    const before = ['user.created', 'user.login', 'user.oauth_linked'];
    if (came.session.user.id === who.user.id) {
      expect(told).toEqual([...before, 'user.login', 'user.oauth_unlinked']);
    } else {
      expect(told).toEqual([...before, 'user.oauth_unlinked']);
      expect(await types(came.session.user.id)).toEqual(['user.created', 'user.login']);
    }
  }
});

test('where to go afterwards comes back as it was accepted, and nothing else of it reaches the provider', async () => {
  const redirectTo = 'https://app.example.com/welcome?tab=1#top';
  const begun = await world.begin('google', 'walker', { redirectTo });
  expect((await world.signIn.complete(begun)).redirectTo).toBe(redirectTo);
  const path = await world.signIn.complete(await world.begin('google', 'walker', { redirectTo: '/a?b=c' }));
  expect(path.redirectTo).toBe('https://tidings.example/a?b=c');
});

test('what a browser carries to the provider gives away neither nonce, verifier, user nor destination', async () => {
  const secrets: string[] = [];
  const { google } = world.providers;
  const real = google.authorizationUrl;
  google.authorizationUrl = async (begun) => {
    secrets.push(begun.nonce, begun.codeVerifier);
    return await real(begun);
  };
  const userId = crypto.randomUUID();
  const { url, state } = await world.signIn.start({
    provider: 'google',
    redirectTo: '/private',
    purpose: { kind: 'link', userId },
    browser: 'browser-key',
  });
  google.authorizationUrl = real;
  expect(secrets.map((one) => one.length)).toEqual([43, 43]);
  for (const one of [...secrets, userId, 'private', 'browser-key']) {
    expect(url).not.toContain(one);
    expect(Buffer.from(state, 'base64url').toString('latin1')).not.toContain(one);
  }
  expect(url.length).toBeLessThan(2_000);
});

test('the providers are listed in the order of the file', () => {
  expect(world.signIn.providers).toEqual(['google', 'github', 'gitlab'].map((id) => ({ id, name: id })));
});
