import { afterAll, beforeAll, expect, test } from 'vitest';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { Session } from '../../src/model/session.ts';
import { type SimulatedProvider, simulatedProvider } from '../users/simulated-provider.ts';
import { type Answer, type Door, adminToken, openDoor, post, signInAs } from './door.ts';
import { sessionCookie } from './shim.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let door: Door;
let providers: Record<'google' | 'github', SimulatedProvider>;
beforeAll(async () => {
  providers = { google: simulatedProvider('google'), github: simulatedProvider('github') };
  door = await openDoor({ publicUrl: 'https://tidings.example.com', providers: Object.values(providers) });
});
afterAll(async () => await door[Symbol.asyncDispose]());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const nobody = { authorization: '' };
const start = `mutation ($provider: String = "google", $link: Boolean, $userId: ID, $redirectTo: String) {
  startOAuth(provider: $provider, link: $link, userId: $userId, redirectTo: $redirectTo) { url state }
}`;
const complete = `mutation ($provider: String!, $code: String!, $state: String!) {
  completeOAuth(provider: $provider, code: $code, state: $state) { token expiresAt user { id email role } }
}`;

const codesOf = ({ errors = [] }: Answer) => errors.map(({ extensions }) => extensions.code);

type Come = { provider?: 'google' | 'github'; headers?: Record<string, string>; asked?: object };

/** Starts and completes; what completeOAuth answers. */
async function come(
  subject: string,
  { provider = 'google', headers = nobody, asked = {} }: Come = {},
): Promise<Answer> {
  const { data } = await door.ask(start, { provider, ...asked }, headers);
  const { state } = data.startOAuth as { state: string };
  const code = providers[provider].answerFor(state, { subject }).get('code');
  return await door.ask(complete, { provider, code, state }, headers);
}

async function comeIn(subject: string): Promise<{ id: string; token: string }> {
  const { data } = await come(subject);
  return { id: data.completeOAuth.user.id, token: data.completeOAuth.token };
}

async function typesOf(subject: string): Promise<string[]> {
  const events = await recordedEvents(door.orm, { subject });
  return events.map(({ type }) => type);
}

test('a program signs somebody in with only code and state, and gets a token that works until the time it names', async () => {
  const { data, errors } = await come('ada');
  expect(errors).toBeUndefined();
  const { token, expiresAt, user } = data.completeOAuth;
  expect(user).toMatchObject({ email: 'ada@example.com', role: 'USER' });
  const left = Date.parse(expiresAt) - Date.now();
  expect(left).toBeGreaterThan(3_500_000);
  expect(left).toBeLessThanOrEqual(3_600_000);
  const me = await door.ask('{ me { id oauthAccounts { provider subject linkedAt } } }', {}, bearer(token));
  expect(me.data.me).toEqual({
    id: user.id,
    oauthAccounts: [{ provider: 'google', subject: 'ada', linkedAt: expect.stringMatching(/Z$/) }],
  });
  expect(await typesOf(user.id)).toEqual(['user.created', 'user.login']);
});

test('a sign-in, and a link, leave one line each that says who came', async () => {
  const { id, token } = await comeIn('logged');
  await come('logged-too', { provider: 'github', headers: bearer(token), asked: { link: true } });
  const lines = door.logged.map((line) => JSON.parse(line) as { msg: string; by: string });
  expect(lines.filter(({ by }) => by === id)).toMatchObject([
    { msg: 'a sign-in was finished', provider: 'google', entrance: 'program' },
    { msg: 'a sign-in was finished', provider: 'github', entrance: 'program' },
  ]);
});

test('each sign-in is counted by how it ended', async () => {
  door.counted.length = 0;
  await come('counted');
  const { data } = await door.ask(start, {}, nobody);
  await door.ask(complete, { provider: 'google', code: 'none', state: `${data.startOAuth.state}x` }, nobody);
  const counted = door.counted.filter((one) => one.startsWith('sign-in'));
  expect(counted).toEqual(['sign-in finished', 'sign-in refused']);
});

test('a state is good once, at its own provider, and an unknown provider is NOT_FOUND', async () => {
  const { data } = await door.ask(start, {}, nobody);
  const { state } = data.startOAuth;
  const code = providers.google.answerFor(state, { subject: 'once' }).get('code');
  expect(codesOf(await door.ask(complete, { provider: 'github', code, state }, nobody))).toEqual(['BAD_USER_INPUT']);
  expect(codesOf(await door.ask(complete, { provider: 'google', code, state }, nobody))).toEqual([]);
  expect(codesOf(await door.ask(complete, { provider: 'google', code, state }, nobody))).toEqual(['BAD_USER_INPUT']);
  expect(codesOf(await door.ask(complete, { provider: 'nobody', code, state }, nobody))).toEqual(['NOT_FOUND']);
  expect(codesOf(await door.ask(start, { provider: 'nobody' }, nobody))).toEqual(['NOT_FOUND']);
});

test('completeOAuth does not finish what a browser began', async () => {
  const response = await door.fetch('/oauth/google', { headers: { accept: 'application/json' } });
  const { state } = (await response.json()) as { state: string };
  const code = providers.google.answerFor(state, { subject: 'browser' }).get('code');
  expect(codesOf(await door.ask(complete, { provider: 'google', code, state }, nobody))).toEqual(['BAD_USER_INPUT']);
});

test('link is for a user’s session: one more way in, and the session stays', async () => {
  const { id, token } = await comeIn('linker');
  for (const headers of [nobody, bearer(adminToken)]) {
    expect(codesOf(await door.ask(start, { link: true }, headers))).toEqual(['UNAUTHENTICATED']);
  }
  const linked = await come('linker-too', { provider: 'github', headers: bearer(token), asked: { link: true } });
  expect(linked.data.completeOAuth).toMatchObject({ token, user: { id } });
  expect(await typesOf(id)).toEqual(['user.created', 'user.login', 'user.oauth_linked']);
});

test('only an admin gives an invitation, never together with a link, and only for somebody who exists', async () => {
  const user = await signInAs(door, 'USER');
  const admin = await signInAs(door, 'ADMIN');
  const asked = { userId: user.id };
  expect(codesOf(await door.ask(start, asked, nobody))).toEqual(['UNAUTHENTICATED']);
  expect(codesOf(await door.ask(start, asked, bearer(user.token)))).toEqual(['FORBIDDEN']);
  expect(codesOf(await door.ask(start, { ...asked, link: true }, bearer(admin.token)))).toEqual(['BAD_USER_INPUT']);
  expect(codesOf(await door.ask(start, { userId: 'nobody' }))).toEqual(['NOT_FOUND']);
  for (const headers of [bearer(admin.token), bearer(adminToken)]) {
    const { data } = await door.ask(start, asked, headers);
    expect(data.startOAuth).toEqual({
      url: expect.stringMatching(/^https:\/\/tidings\.example\.com\/oauth\/google\?invitation=[\w-]{22}$/) as unknown,
      state: null,
    });
  }
  expect(await typesOf(user.id)).toEqual([]);
});

const sessions = 'sessions { id createdAt lastSeenAt expiresAt provider current }';
type Shown = { id: string; lastSeenAt: string; provider: string | null; current: boolean };
const revoke = (id: string, headers?: Record<string, string>) =>
  door.ask('mutation ($id: ID!) { revokeSession(id: $id) }', { id }, headers);
const idOf = (token: string) => token.slice(0, 36);

test('a user sees their open sessions, the newest first, with the own one marked, and an admin sees them too', async () => {
  const one = await comeIn('seeing');
  await come('seeing-too', { provider: 'github', headers: bearer(one.token), asked: { link: true } });
  const two = (await come('seeing-too', { provider: 'github' })).data.completeOAuth as { token: string };
  const ended = await comeIn('seeing');
  await door.ask('mutation { logout }', {}, bearer(ended.token));
  const expired = await comeIn('seeing');
  await door.orm.em.fork().nativeUpdate(Session, { id: idOf(expired.token) }, { expiresAt: new Date() });

  const { data } = await door.ask(`{ me { ${sessions} } }`, {}, bearer(one.token));
  const own = (data.me.sessions as Shown[]).map(({ id, provider, current }) => ({ id, provider, current }));
  expect(own).toEqual([
    { id: idOf(two.token), provider: 'github', current: false },
    { id: idOf(one.token), provider: 'google', current: true },
  ]);
  const seen = await door.ask(`query ($id: ID!) { user(id: $id) { ${sessions} } }`, { id: one.id });
  expect((seen.data.user.sessions as Shown[]).map(({ id, current }) => [id, current])).toEqual(
    own.map(({ id }) => [id, false]),
  );
});

test('when a session was last seen is known to the minute', async () => {
  const { token } = await comeIn('idle');
  const lastSeen = async () => {
    const { data } = await door.ask(`{ me { ${sessions} } }`, {}, bearer(token));
    return Date.parse((data.me.sessions as Shown[])[0]!.lastSeenAt);
  };
  const atFirst = await lastSeen();
  const [longAgo, justNow] = [Date.now() - 61_000, Date.now() - 50_000];
  const set = async (at: number) =>
    await door.orm.em.fork().nativeUpdate(Session, { id: idOf(token) }, { lastSeenAt: new Date(at) });
  await set(justNow);
  expect(await lastSeen()).toBe(justNow);
  await set(longAgo);
  expect(await lastSeen()).toBeGreaterThanOrEqual(atFirst);
});

test('a user ends their own sessions and no others, and an admin ends anybody’s', async () => {
  const [here, there] = [await comeIn('revoking'), await comeIn('revoking')];
  const other = await comeIn('another');
  const who = async (token: string) => (await door.ask('{ me { id } }', {}, bearer(token))).data.me as object | null;
  expect(codesOf(await revoke(idOf(there.token), nobody))).toEqual(['UNAUTHENTICATED']);
  for (const id of [idOf(other.token), crypto.randomUUID(), 'x', '']) {
    expect(codesOf(await revoke(id, bearer(here.token)))).toEqual(['NOT_FOUND']);
  }
  expect(await who(other.token)).toEqual({ id: other.id });
  expect((await revoke(idOf(there.token).toUpperCase(), bearer(here.token))).data).toEqual({ revokeSession: true });
  expect([await who(there.token), await who(here.token)]).toEqual([null, { id: here.id }]);
  expect(codesOf(await revoke(idOf(there.token), bearer(here.token)))).toEqual(['NOT_FOUND']);
  expect((await revoke(idOf(other.token))).data).toEqual({ revokeSession: true });
  expect(await who(other.token)).toBeNull();
  const [answer, cookies] = await byCookie(`mutation { revokeSession(id: "${idOf(here.token)}") }`, here.token);
  expect([answer, cookies]).toEqual([{ data: { revokeSession: true } }, cleared]);
});

test('a redirectTo of a foreign origin is BAD_USER_INPUT', async () => {
  expect(codesOf(await door.ask(start, { redirectTo: 'https://evil.example/' }, nobody))).toEqual(['BAD_USER_INPUT']);
});

test('the last way in is not unlinked', async () => {
  const { id, token } = await comeIn('careful');
  const unlink = (provider: string) =>
    door.ask(`mutation { unlinkOAuth(provider: "${provider}") { oauthAccounts { provider } } }`, {}, bearer(token));
  expect(codesOf(await unlink('google'))).toEqual(['CONFLICT']);
  expect(codesOf(await unlink('github'))).toEqual(['NOT_FOUND']);
  await come('careful-too', { provider: 'github', headers: bearer(token), asked: { link: true } });
  expect((await unlink('google')).data).toEqual({ unlinkOAuth: { oauthAccounts: [{ provider: 'github' }] } });
  expect((await typesOf(id)).slice(2)).toEqual(['user.oauth_linked', 'user.oauth_unlinked']);
});

test('a user changes name and picture of their own, and nothing that an admin decides', async () => {
  const { id, token } = await comeIn('changing');
  const update = (input: object) =>
    door.ask(
      'mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { displayName avatarUrl email role } }',
      { input },
      bearer(token),
    );
  const first = await update({ displayName: 'Changed', avatarUrl: 'https://example.com/c.png' });
  expect(first.data.updateProfile).toEqual({
    displayName: 'Changed',
    avatarUrl: 'https://example.com/c.png',
    email: 'changing@example.com',
    role: 'USER',
  });
  expect((await update({ avatarUrl: null })).data.updateProfile).toMatchObject({
    displayName: 'Changed',
    avatarUrl: null,
  });
  await update({});
  for (const input of [{ avatarUrl: 'javascript:alert(1)' }, { role: 'ADMIN' }, { email: 'x@example.com' }]) {
    expect(codesOf(await update(input))).toEqual(['BAD_USER_INPUT']);
  }
  expect((await typesOf(id)).slice(2)).toEqual(['user.updated', 'user.updated']);
});

/** As a browser with the cookie; the Set-Cookie lines of the answer and whether it succeeded. */
async function byCookie(query: string, token: string): Promise<[unknown, string[]]> {
  const init = post({ query }, { authorization: '', cookie: `${sessionCookie}=${token}` });
  const response = await door.fetch('/graphql', init);
  return [await response.json(), response.headers.getSetCookie()];
}

const cleared = ['__Host-tidings_session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax'];

test('logout ends this session and takes its cookie away, and no other session', async () => {
  const one = await comeIn('leaving');
  const two = await comeIn('leaving');
  expect(await byCookie('mutation { logout }', one.token)).toEqual([{ data: { logout: true } }, cleared]);
  const who = async (token: string) => (await door.ask('{ me { id } }', {}, bearer(token))).data.me;
  expect(await who(one.token)).toBeNull();
  expect(await who(two.token)).toEqual({ id: two.id });
  const [answer, cookies] = await byCookie('mutation { logout }', one.token);
  expect(codesOf(answer as Answer)).toEqual(['UNAUTHENTICATED']);
  expect(cookies).toEqual([]);
});

test('deleteAccount takes the user, the accounts and every session with it', async () => {
  const one = await comeIn('gone');
  const two = await comeIn('gone');
  expect(await byCookie('mutation { deleteAccount }', one.token)).toEqual([{ data: { deleteAccount: true } }, cleared]);
  for (const { token } of [one, two]) {
    expect((await door.ask('{ me { id } }', {}, bearer(token))).data).toEqual({ me: null });
  }
  const em = door.orm.em.fork();
  expect([await em.count(Session, { userId: one.id }), await em.count(OAuthAccount, { userId: one.id })]).toEqual([
    0, 0,
  ]);
  expect((await typesOf(one.id)).at(-1)).toBe('user.deleted');
  const again = await comeIn('gone');
  expect(again.id).not.toBe(one.id);
});

test('after an admin deletes a user, a session of theirs is nobody’s', async () => {
  const { id, token } = await comeIn('removed');
  await door.ask(`mutation { deleteUser(id: "${id}") }`);
  expect((await door.ask('{ me { id } }', {}, bearer(token))).data).toEqual({ me: null });
});
