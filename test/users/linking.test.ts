// Accounts come to a user and go by the user's own will, one owner each, and never the last one.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { accountsOf } from '../../src/users/accounts.ts';
import { deleteUser } from '../../src/users/lifecycle.ts';
import { openSignInWorld, signedInBy, type SignInWorld } from './sign-in-world.ts';

let world: SignInWorld;
beforeAll(async () => (world = await openSignInWorld()));
afterAll(() => world[Symbol.asyncDispose]());

const ways = async (userId: string) => {
  const [accounts] = await accountsOf(world.orm.em.fork(), [userId]);
  return accounts?.map(({ provider }) => provider);
};
const types = async (id: string) => (await world.told(id)).map(([type]) => type);
const came = async (...[provider, person]: Parameters<SignInWorld['come']>) =>
  signedInBy(await world.come(provider, person));

test('a link emits user.oauth_linked with its provider, keeps the session, and is a way in from then on', async () => {
  const first = await world.come('google', 'linking');
  const who = signedInBy(first);
  const { session } = await world.link(who, 'github', { subject: '4711', email: 'else@example.com', name: 'Else' });
  expect(session).toMatchObject({ token: first.session.token, expiresAt: first.session.expiresAt });
  expect(session.user).toMatchObject({ id: who.user.id, email: 'linking@example.com', displayName: 'linking' });
  expect((await world.told(who.user.id)).slice(2)).toEqual([
    ['user.oauth_linked', { user_id: who.user.id, provider: 'github' }],
  ]);
  expect((await came('github', '4711')).user.id).toBe(who.user.id);
  expect(await ways(who.user.id)).toEqual(['google', 'github']);
});

test('a link that is there already changes nothing and emits nothing', async () => {
  const who = await came('google', 'twice');
  await world.link(who, 'github', 'twice');
  const before = await world.everything();
  await world.link(who, 'github', 'twice');
  expect(await world.everything()).toEqual(before);
});

test('an identity of somebody else, and a second one at the same provider, are CONFLICT', async () => {
  const who = await came('google', 'greedy');
  await came('github', 'owned');
  const before = await world.everything();
  for (const [provider, subject] of [
    ['github', 'owned'],
    ['google', 'greedy-2'],
  ] as const) {
    await expect(world.link(who, provider, subject)).rejects.toMatchObject({ code: 'CONFLICT' });
  }
  expect(await world.everything()).toEqual(before);
});

test('the owner of a wanted identity can unlink it, or has no other way in and must be deleted first: the refusal says which', async () => {
  const who = await came('google', 'wanting');
  const rich = await came('github', 'two-ways');
  await world.link(rich, 'gitlab', 'two-ways');
  const poor = await came('github', 'one-way');
  for (const [subject, wayOut] of [
    ['two-ways', 'Unlink it there, or choose another account.'],
    ['one-way', `delete it first (deleteAccount, or an admin's deleteUser, id ${poor.user.id})`],
  ] as const) {
    const refusal = { code: 'CONFLICT', message: expect.stringContaining(wayOut) as unknown };
    await expect(world.link(who, 'github', subject)).rejects.toMatchObject(refusal);
  }
  await deleteUser(world.transactions, poor.user.id);
  await world.link(who, 'github', 'one-way');
  expect(await ways(who.user.id)).toEqual(['google', 'github']);
});

test('when two users link one identity at once, one gets it and the other gets CONFLICT', async () => {
  for (let round = 0; round < 10; round += 1) {
    const rivals = [await came('google', `rival-a-${round}`), await came('google', `rival-b-${round}`)];
    const outcomes = await Promise.allSettled(rivals.map((rival) => world.link(rival, 'github', `prize-${round}`)));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'CONFLICT' } }]);
    const told = await Promise.all(rivals.map(({ user }) => types(user.id)));
    expect(told.map((list) => list.includes('user.oauth_linked'))).toEqual(
      outcomes.map(({ status }) => status === 'fulfilled'),
    );
    expect(await world.orm.em.fork().count(OAuthAccount, { subject: `prize-${round}` })).toBe(1);
  }
});

test('of a link and a first sign-in with one identity at once, only one gets the identity', async () => {
  for (let round = 0; round < 10; round += 1) {
    const who = await came('google', `linker-${round}`);
    const [linked, signedIn] = await Promise.allSettled([
      world.link(who, 'github', `contested-${round}`),
      world.come('github', `contested-${round}`),
    ]);
    if (signedIn.status === 'rejected') expect.fail(String(signedIn.reason));
    const own = signedIn.value.session.user.id === who.user.id;
    if (!own) expect(linked).toMatchObject({ reason: { code: 'CONFLICT' } });
    expect(linked.status).toBe(own ? 'fulfilled' : 'rejected');
  }
});

test('a user who links two identities of one provider at once gets one of them', async () => {
  const who = await came('google', 'doubler');
  const outcomes = await Promise.allSettled(['d1', 'd2', 'd3'].map((subject) => world.link(who, 'github', subject)));
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CONFLICT' });
  }
  expect((await types(who.user.id)).filter((type) => type === 'user.oauth_linked')).toHaveLength(1);
});

test('an unlink emits user.oauth_unlinked with its provider, and frees the identity', async () => {
  const who = await came('google', 'unlinking');
  await world.link(who, 'github', 'unlinking');
  expect(await world.signIn.unlink(who.user.id, 'github')).toMatchObject({ id: who.user.id });
  expect((await world.told(who.user.id)).at(-1)).toEqual([
    'user.oauth_unlinked',
    { user_id: who.user.id, provider: 'github' },
  ]);
  expect(await ways(who.user.id)).toEqual(['google']);
  expect((await came('github', 'unlinking')).user.id).not.toBe(who.user.id);
});

test('an account that is not linked, and a user who does not exist, are NOT_FOUND', async () => {
  const who = await came('google', 'lonely');
  const notFound = { code: 'NOT_FOUND' };
  await expect(world.signIn.unlink(who.user.id, 'github')).rejects.toMatchObject(notFound);
  await expect(world.signIn.unlink(who.user.id, 'nowhere')).rejects.toMatchObject(notFound);
  await expect(world.signIn.unlink(crypto.randomUUID(), 'google')).rejects.toMatchObject(notFound);
});

test('the last way in stays, also when the other one is at a provider that is no longer configured', async () => {
  const who = await came('google', 'last');
  await expect(world.signIn.unlink(who.user.id, 'google')).rejects.toMatchObject({ code: 'CONFLICT' });
  await world.link(who, 'github', 'last');
  const signIn = world.signInWith({ providers: ['google'] });
  await expect(signIn.unlink(who.user.id, 'google')).rejects.toMatchObject({ code: 'CONFLICT' });
  await signIn.unlink(who.user.id, 'github');
  expect(await ways(who.user.id)).toEqual(['google']);
});

test('of the last two ways in, unlinked at once, one stays', async () => {
  for (let round = 0; round < 20; round += 1) {
    const who = await came('google', `both-${round}`);
    await world.link(who, 'github', `both-${round}`);
    const outcomes = await Promise.allSettled(
      ['google', 'github'].map((provider) => world.signIn.unlink(who.user.id, provider)),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'CONFLICT' } }]);
    expect(await ways(who.user.id)).toHaveLength(1);
    expect((await types(who.user.id)).filter((type) => type === 'user.oauth_unlinked')).toHaveLength(1);
  }
});

test('accounts are read for many users at once, each in the order of linking', async () => {
  const one = await came('gitlab', 'many');
  await world.link(one, 'google', 'many');
  await world.link(one, 'github', 'many');
  // Linked in one millisecond: then by name.
  await world.orm.em
    .fork()
    .execute(`update oauth_accounts set linked_at = ? where subject = 'many' and provider <> 'gitlab'`, [new Date()]);
  const other = await came('google', 'few');
  const ids = [other.user.id, crypto.randomUUID(), one.user.id];
  const lists = await accountsOf(world.orm.em.fork(), ids);
  expect(lists.map((list) => list.map(({ provider, subject }) => [provider, subject]))).toEqual([
    [['google', 'few']],
    [],
    [
      ['gitlab', 'many'],
      ['github', 'many'],
      ['google', 'many'],
    ],
  ]);
});
