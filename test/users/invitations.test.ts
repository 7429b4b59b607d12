// A person whom an admin invited becomes the user that was made for them, and nobody else.

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Invitation } from '../../src/model/invitation.ts';
import { createUser, deleteUser } from '../../src/users/lifecycle.ts';
import { openSignInWorld, signedInBy, type SignInWorld } from './sign-in-world.ts';

let world: SignInWorld;
beforeAll(async () => (world = await openSignInWorld()));
afterAll(() => world[Symbol.asyncDispose]());
afterEach(() => void vi.useRealTimers());

const dayMs = 86_400_000;
const badInput = { code: 'BAD_USER_INPUT' };

const made = async () => (await createUser(world.transactions, { email: 'made@example.com', displayName: 'Made' })).id;
const invite = async (userId: string, redirectTo: string | null = null) =>
  await world.signIn.invite({ provider: 'google', redirectTo, userId });

/** What the browser brings back that took the invitation up. */
async function accept(invitation: string, browser: string, subject = `invited-${browser}`) {
  const { state } = await world.signIn.accept({ provider: 'google', invitation, browser });
  const answer = world.providers.google.answerFor(state, { subject });
  return { provider: 'google', answer, signedIn: null, browser, entrance: 'shim' as const };
}
const stateOf = ({ answer }: { answer: URLSearchParams }) => answer.get('state')!;

test('an invitation gives an account to the user it is for, and signs in', async () => {
  const id = await made();
  const invited = { subject: 'invited', email: 'private@example.com' };
  const { session } = await world.come('google', invited, { purpose: { kind: 'invitation', userId: id } });
  expect(await world.told(id)).toEqual([
    ['user.created', { user_id: id, email: 'made@example.com', display_name: 'Made', provider: null }],
    ['user.oauth_linked', { user_id: id, provider: 'google' }],
    ['user.login', { user_id: id, email: 'made@example.com', display_name: 'Made', provider: 'google' }],
  ]);
  expect(await world.sessions.find(session.token)).toMatchObject({ kind: 'signed-in', user: { id } });
  expect(signedInBy(await world.come('google', 'invited')).user.id).toBe(id);
});

test('its code is short, and the database holds nothing that opens it', async () => {
  const code = await invite(await made());
  expect(code).toMatch(/^[\w-]{22}$/);
  const rows = await world.orm.em.fork().find(Invitation, {});
  expect(JSON.stringify(rows)).not.toContain(code);
  expect(JSON.stringify(rows)).not.toContain(Buffer.from(code, 'base64url').toString('hex'));
});

test('it is taken up by any browser, finished by the one that took it up, and good once for all of them', async () => {
  const id = await made();
  const code = await invite(id);
  const [first, second] = [await accept(code, 'one'), await accept(code, 'two')];
  await expect(world.signIn.complete({ ...first, browser: 'two' })).rejects.toMatchObject(badInput);
  await expect(world.signIn.complete({ ...first, browser: null })).rejects.toMatchObject(badInput);
  const { session } = await world.signIn.complete(first);
  expect(session.user.id).toBe(id);
  const before = await world.everything();
  const used = { ...badInput, message: expect.stringContaining('was used already') as unknown };
  await expect(world.signIn.complete(second)).rejects.toMatchObject(used);
  // Nobody is sent to the provider in vain.
  await expect(accept(code, 'three')).rejects.toMatchObject(used);
  expect(await world.everything()).toEqual(before);
});

test('of two browsers that finish one invitation at once, one gets the account', async () => {
  const id = await made();
  const code = await invite(id);
  const both = [await accept(code, 'here'), await accept(code, 'there')];
  const outcomes = await Promise.allSettled(both.map((one) => world.signIn.complete(one)));
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect((await world.told(id)).map(([type]) => type)).toEqual(['user.created', 'user.oauth_linked', 'user.login']);
});

test.each([
  ['is cancelled at the provider', { error: 'access_denied' }],
  ['brings a code that the provider does not know', { code: 'made up' }],
  ['brings no code', {}],
])('a sign-in by it that %s leads back to it, as often as it takes', async (_, parameters) => {
  const id = await made();
  const code = await invite(id, '/welcome');
  for (let round = 0; round < 3; round += 1) {
    const begun = await accept(code, 'patient', 'patient');
    const answer = new URLSearchParams({ ...parameters, state: stateOf(begun) });
    await expect(world.signIn.complete({ ...begun, answer })).rejects.toMatchObject(badInput);
    expect(await world.signIn.begunBy(stateOf(begun), 'patient')).toMatchObject({
      provider: 'google',
      redirectTo: 'https://tidings.example/welcome',
      purpose: { kind: 'invitation', code },
    });
  }
  const { session, redirectTo } = await world.signIn.complete(await accept(code, 'patient', `done-${id}`));
  expect([session.user.id, redirectTo]).toEqual([id, 'https://tidings.example/welcome']);
});

test('what was begun is known to the browser that began it, also when it comes back too late', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const code = await invite(await made());
  const begun = await accept(code, 'slow');
  vi.setSystemTime(Date.now() + 3_600_000);
  await expect(world.signIn.complete(begun)).rejects.toMatchObject(badInput);
  expect(await world.signIn.begunBy(stateOf(begun), 'slow')).toMatchObject({ purpose: { code } });
  // In any other hands the state tells nothing of the invitation.
  for (const browser of ['another', '', null]) {
    expect(await world.signIn.begunBy(stateOf(begun), browser)).toBe('hidden');
  }
  for (const state of ['', 'x', `${stateOf(begun)}A`]) expect(await world.signIn.begunBy(state, 'slow')).toBeNull();
});

test('a person who came as a stranger by mistake is told the way out, and it works', async () => {
  const id = await made();
  const code = await invite(id);
  const stranger = signedInBy(await world.come('google', 'hasty'));
  const before = await world.everything();
  const refused = await world.signIn.complete(await accept(code, 'hasty', 'hasty')).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining(
      `delete it first (deleteAccount, or an admin's deleteUser, id ${stranger.user.id})`,
    ) as unknown,
  });
  expect(await world.everything()).toEqual(before);
  await deleteUser(world.transactions, stranger.user.id);
  expect((await world.signIn.complete(await accept(code, 'hasty', 'hasty'))).session.user.id).toBe(id);
  expect(signedInBy(await world.come('google', 'hasty')).user.id).toBe(id);
});

test('it does not take an account from an owner who has another one', async () => {
  const owner = signedInBy(await world.come('google', 'owner'));
  await world.link(owner, 'github', 'owner');
  const begun = await world.begin('google', 'owner', { purpose: { kind: 'invitation', userId: await made() } });
  const before = await world.everything();
  await expect(world.signIn.complete(begun)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('Unlink it there') as unknown,
  });
  expect(await world.everything()).toEqual(before);
  expect(signedInBy(await world.come('google', 'owner')).user.id).toBe(owner.user.id);
});

test('it is good for three days in all, however late it is taken up', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const begunAt = Date.now();
  const code = await invite(await made());
  vi.setSystemTime(begunAt + 3 * dayMs - 5_000);
  const late = await accept(code, 'late');
  const before = await world.everything();
  vi.setSystemTime(begunAt + 3 * dayMs);
  const tooOld = { ...badInput, message: expect.stringContaining('older than three days') as unknown };
  await expect(accept(code, 'late')).rejects.toMatchObject(tooOld);
  await expect(world.signIn.complete(late)).rejects.toMatchObject(tooOld);
  expect(await world.everything()).toEqual(before);
  vi.setSystemTime(begunAt + 3 * dayMs - 1);
  await expect(world.signIn.complete(await accept(code, 'late'))).resolves.toMatchObject({ session: {} });
});

test.each([
  ['github', (code: string) => code],
  ['google', (code: string) => `${code}A`],
  ['google', (code: string) => code.toLowerCase().toUpperCase()],
  ['google', () => ''],
  ['google', () => '\0'],
])('only an invitation for this provider is taken up: at %s, %s', async (provider, change) => {
  const invitation = change(await invite(await made()));
  await expect(world.signIn.accept({ provider, invitation, browser: 'two' })).rejects.toMatchObject(badInput);
});

test('there is none for a user who does not exist, at its start or at its end', async () => {
  for (const userId of [crypto.randomUUID(), 'x', '']) {
    await expect(invite(userId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
  const id = await made();
  const begun = await world.begin('google', 'too-late', { purpose: { kind: 'invitation', userId: id } });
  await deleteUser(world.transactions, id);
  const before = await world.everything();
  await expect(world.signIn.complete(begun)).rejects.toMatchObject(badInput);
  expect(await world.everything()).toEqual(before);
});

test('it ends nowhere that the settings allow no longer', async () => {
  const id = await made();
  const code = await invite(id, 'https://app.example.com/welcome');
  await expect(invite(id, 'https://evil.example/')).rejects.toMatchObject(badInput);
  const strict = world.signInWith({ allowedOrigins: [] });
  const { state } = await strict.accept({ provider: 'google', invitation: code, browser: 'moved' });
  expect(await strict.begunBy(state, 'moved')).toMatchObject({ redirectTo: null, purpose: { code } });
});
