// A sign-in that is not finished as it was begun leaves no user, account, session or event; and one that was refused
// for the hands it was in stays good for the right ones.

import { sealData, unsealData } from 'iron-session';
import { afterEach, afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Refusal } from '../../src/policy/refusal.ts';
import { accountsOf } from '../../src/users/accounts.ts';
import { deleteUser } from '../../src/users/lifecycle.ts';
import type { Completion, SignedIn } from '../../src/users/sign-in.ts';
import { openSignInWorld, secret, signedInBy, type SignInWorld } from './sign-in-world.ts';

let world: SignInWorld;
let ada: SignedIn;
let bob: SignedIn;
beforeAll(async () => {
  world = await openSignInWorld();
  ada = signedInBy(await world.come('google', 'ada'));
  bob = signedInBy(await world.come('google', 'bob'));
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  for (const provider of Object.values(world.providers)) provider.asked = 0;
});
afterEach(() => {
  vi.useRealTimers();
  for (const provider of Object.values(world.providers)) provider.beforeItSays = () => {};
});

const asked = () => Object.values(world.providers).reduce((sum, provider) => sum + provider.asked, 0);

/** It is refused with this code and nothing is stored or told. */
async function refused(completion: Completion, code: string) {
  const before = await world.everything();
  const error = await world.signIn.complete(completion).then(
    () => expect.fail('it was not refused'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Refusal);
  expect(error).toMatchObject({ code });
  expect(await world.everything()).toEqual(before);
  for (const [name, value] of completion.answer) {
    if (value.length > 20) expect((error as Refusal).message, name).not.toContain(value);
  }
}

/** The same without a question to the provider, and the state is good afterwards. */
async function refusedUnused(wrong: Completion, right: Completion, code = 'BAD_USER_INPUT') {
  const before = { used: await world.usedStates(), asked: asked() };
  await refused(wrong, code);
  expect({ used: await world.usedStates(), asked: asked() }).toEqual(before);
  await expect(world.signIn.complete(right)).resolves.toMatchObject({ session: {} });
}

function withState(completion: Completion, state: string | null): Completion {
  const answer = new URLSearchParams(completion.answer);
  if (state === null) answer.delete('state');
  else answer.set('state', state);
  return { ...completion, answer };
}

test.each([
  ['missing', null],
  ['empty', ''],
  ['a letter', 'x'],
  ['a word', 'undefined'],
  ['a seal of nothing', 'Fe26.2*1*a*b*c*1*d*e'],
  ['a NUL', '\0'],
  ['very long', 'a'.repeat(100_000)],
])('an invalid state is refused: %s', async (_, state) => {
  const begun = await world.begin('google', 'stranger-none');
  await refusedUnused(withState(begun, state), begun);
});

test('a state with any character altered is refused', async () => {
  const begun = await world.begin('google', 'stranger-altered');
  const state = begun.answer.get('state')!;
  const before = await world.everything();
  for (let at = 0; at < state.length; at += 1) {
    const other = state[at] === 'A' ? 'B' : 'A';
    // Another last character can spell the same bytes: each is tried.
    const others =
      at === state.length - 1 ? 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('') : [other];
    for (const character of others.filter((one) => one !== state[at])) {
      const altered = withState(begun, state.slice(0, at) + character + state.slice(at + 1));
      await expect(world.signIn.complete(altered)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    }
  }
  for (const altered of [
    `${state}~2`,
    `${state}A`,
    ` ${state}`,
    `${state}*`,
    state.slice(0, -1),
    state.toUpperCase(),
  ]) {
    await expect(world.signIn.complete(withState(begun, altered))).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  }
  expect(asked()).toBe(0);
  expect(await world.everything()).toEqual(before);
  await world.signIn.complete(begun);
});

test('a state that is given twice is refused', async () => {
  const begun = await world.begin('google', 'stranger-twice');
  const answer = new URLSearchParams(begun.answer);
  answer.append('state', answer.get('state')!);
  await refusedUnused({ ...begun, answer }, begun);
});

test('a state that was sealed under another secret, or holds something else, is refused', async () => {
  const begun = await world.begin('google', 'stranger-elsewhere');
  const content = await unsealData<object>(begun.answer.get('state')!, { password: secret });
  const foreign = await sealData(content, { password: 'the session secret of another service' });
  const strange = await sealData({ ...content, purpose: { kind: 'admin' } }, { password: secret });
  for (const sealed of [foreign, strange]) {
    const wrong = withState(begun, sealed.replace('~2', ''));
    await expect(world.signIn.complete(wrong)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  }
  // The same content under our secret is what it takes.
  await world.signIn.complete(begun);
});

test('a state is good for ten minutes and not for longer', async () => {
  const tenMinutesMs = 600_000;
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - tenMinutesMs - 1 });
  const old = await world.begin('google', 'stranger-slow');
  vi.setSystemTime(Date.now() + 10_000);
  const young = await world.begin('google', 'stranger-slow');
  vi.useRealTimers();
  await refusedUnused(old, young);
});

test('a state is good once', async () => {
  const begun = await world.begin('google', 'replayer');
  await world.signIn.complete(begun);
  const again = world.providers.google.answerFor(begun.answer.get('state')!, { subject: 'replayer' });
  await refused({ ...begun, answer: again }, 'BAD_USER_INPUT');
  expect(world.providers.google.asked).toBe(1);
});

test('when ten bring one state at once, one gets in, and the provider is asked once', async () => {
  const begun = await world.begin('google', 'replayer-at-once');
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => world.signIn.complete(begun)));
  const failed = outcomes.filter(({ status }) => status === 'rejected');
  expect(failed).toHaveLength(9);
  for (const outcome of failed) expect(outcome).toMatchObject({ reason: { code: 'BAD_USER_INPUT' } });
  expect(world.providers.google.asked).toBe(1);
});

test('a state that is purged a day later is too old by then', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 86_400_000 });
  const begun = await world.begin('google', 'replayer-late');
  await world.signIn.complete(begun);
  vi.useRealTimers();
  await world.orm.em.fork().execute('delete from oauth_used_states');
  await refused(begun, 'BAD_USER_INPUT');
});

test('a state is good only at its provider', async () => {
  const begun = await world.begin('google', 'mixed-up');
  await refusedUnused({ ...begun, provider: 'github' }, begun);
});

test.each(['facebook', '', '__proto__', 'constructor', 'GOOGLE'])(
  'an unknown provider is NOT_FOUND: %j',
  async (provider) => {
    const purpose = { kind: 'sign-in' } as const;
    const notFound = { code: 'NOT_FOUND' };
    await expect(world.signIn.start({ provider, redirectTo: null, purpose, browser: null })).rejects.toMatchObject(
      notFound,
    );
    await expect(world.signIn.accept({ provider, invitation: 'x', browser: 'b' })).rejects.toMatchObject(notFound);
    const begun = await world.begin('google', 'nowhere');
    await refusedUnused({ ...begun, provider }, begun, 'NOT_FOUND');
  },
);

test.each([null, '', 'another key'])('a state that a browser began is not good for the key %j', async (browser) => {
  const begun = await world.begin('google', 'browsing', { browser: 'key of this browser' });
  await refusedUnused({ ...begun, browser }, begun);
  const again = await world.begin('google', 'browsing', { browser: 'key of this browser' });
  await refusedUnused({ ...again, browser, entrance: 'program' }, again);
});

test.each([null, 'a key'])(
  'a state that a program began is refused at the shim, and the program finishes it: key %j',
  async (browser) => {
    const begun = await world.begin('google', 'programming');
    await refusedUnused({ ...begun, browser, entrance: 'shim' }, begun);
  },
);

test('only the user who began a link can finish it', async () => {
  const begin = () => world.begin('github', 'ada', { purpose: { kind: 'link', userId: ada.user.id }, signedIn: ada });
  const first = await begin();
  await refusedUnused({ ...first, signedIn: null }, first, 'UNAUTHENTICATED');
  const second = await begin();
  await refusedUnused({ ...second, signedIn: bob }, second, 'FORBIDDEN');
});

test('a link whose session ends while the provider is asked is UNAUTHENTICATED', async () => {
  const who = signedInBy(await world.come('google', 'hasty'));
  const begun = await world.begin('github', 'hasty', { purpose: { kind: 'link', userId: who.user.id }, signedIn: who });
  world.providers.github.beforeItSays = () => world.signIn.logout(who.sessionId);
  const told = await world.told();
  await expect(world.signIn.complete(begun)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await world.told()).toEqual(told);
  expect(await accountsOf(world.orm.em.fork(), [who.user.id])).toMatchObject([[{ provider: 'google' }]]);
});

test('a link of a user who is deleted meanwhile is NOT_FOUND', async () => {
  const who = signedInBy(await world.come('google', 'gone'));
  const begun = await world.begin('github', 'gone', { purpose: { kind: 'link', userId: who.user.id }, signedIn: who });
  await deleteUser(world.transactions, who.user.id);
  await refused(begun, 'NOT_FOUND');
});

test.each([
  ['an error', { error: 'access_denied' }],
  ['a code it does not know', { code: 'made up' }],
  ['no code', {}],
])('an answer with %s is refused, and uses its state up', async (_, parameters) => {
  const begun = await world.begin('google', 'denied');
  const answer = new URLSearchParams({ ...parameters, state: begun.answer.get('state')! });
  await refused({ ...begun, answer }, 'BAD_USER_INPUT');
  await refused(begun, 'BAD_USER_INPUT');
  expect(world.providers.google.asked).toBe(1);
});

test('while the provider fails nobody signs in, and the state is used up', async () => {
  world.providers.google.beforeItSays = () => {
    throw new Refusal('UNAVAILABLE', 'The provider is away.');
  };
  const begun = await world.begin('google', 'patient');
  await refused(begun, 'UNAVAILABLE');
  world.providers.google.beforeItSays = () => {};
  await refused(begun, 'BAD_USER_INPUT');
});
