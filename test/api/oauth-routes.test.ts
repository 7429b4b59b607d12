import { afterAll, beforeAll, expect, test } from 'vitest';
import { User } from '../../src/model/user.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { Refusal } from '../../src/policy/refusal.ts';
import { simulatedProvider } from '../users/simulated-provider.ts';
import { type Door, openDoor, signInAs } from './door.ts';
import { type Shim, browserCookie, cookiesOf, html, json, openShim, publicUrl, sessionCookie } from './shim.ts';

let shim: Shim;
let door: Door;
beforeAll(async () => {
  shim = await openShim();
  ({ door } = shim);
});
afterAll(async () => await shim[Symbol.asyncDispose]());

async function countEvents(): Promise<number> {
  return await door.orm.em.fork().count(WebhookEvent);
}

test('a browser is sent to the provider, bound by a cookie, and comes back signed in by another cookie', async () => {
  const away = await shim.get('/oauth/google?redirect_to=/welcome%3Fa=b');
  expect(away.status).toBe(302);
  expect(away.headers.get('location')).toMatch(/^https:\/\/google\.example\/authorize\?state=/);
  const { [browserCookie]: browser, ...others } = cookiesOf(away);
  expect(others).toEqual({});
  expect(browser!.value).toMatch(/^[\w-]{43}$/);
  expect(browser!.flags).toEqual(['HttpOnly', 'Max-Age=86400', 'Path=/', 'SameSite=Lax', 'Secure']);

  const state = new URL(away.headers.get('location')!).searchParams.get('state')!;
  const back = await shim.get(`/oauth/google/callback?${shim.google.answerFor(state, { subject: 'ada' })}`, {
    ...html,
    cookie: `${browserCookie}=${browser!.value}`,
  });
  expect(back.status).toBe(303);
  expect(back.headers.get('location')).toBe(`${publicUrl}/welcome?a=b`);
  const { [sessionCookie]: session, ...rest } = cookiesOf(back);
  expect(rest).toEqual({});
  expect(session!.flags).toEqual([
    'HttpOnly',
    expect.stringMatching(/^Max-Age=3(600|59\d)$/),
    'Path=/',
    'SameSite=Lax',
    'Secure',
  ]);
  // Neither is told to anybody else.
  expect(back.headers.get('location')).not.toContain(session!.value.split('.')[0]);
  expect(back.headers.get('cache-control')).toBe('no-store');
  expect(back.headers.get('referrer-policy')).toBe('no-referrer');

  const page = await (await shim.get('/account', { ...html, cookie: `${sessionCookie}=${session!.value}` })).text();
  expect(page).toContain('Signed in as <strong>ada</strong> (USER)');
  expect(await (await shim.get('/account')).text()).toContain('Nobody is signed in');
});

test('without redirect_to the browser ends at the person’s account', async () => {
  const { back, cookie } = await shim.begin();
  expect((await shim.get(back, { ...html, cookie })).headers.get('location')).toBe(`${publicUrl}/account`);
});

test('a browser’s sign-in leaves one line that says who came, and one that its provider held up says why', async () => {
  const { back, cookie } = await shim.begin({ subject: 'logged' });
  await shim.get(back, { ...html, cookie });
  const again = await shim.begin({ subject: 'logged' });
  shim.google.beforeItSays = () => {
    throw new Refusal('UNAVAILABLE', 'The sign-in provider google does not answer.');
  };
  await shim.get(again.back, { ...html, cookie: again.cookie });
  shim.google.beforeItSays = () => {};
  const { id } = await door.orm.em.fork().findOneOrFail(User, { email: 'logged@example.com' });
  const lines = door.logged.map((line) => JSON.parse(line) as { msg: string; by?: string });
  expect(lines.filter(({ by, msg }) => by === id || msg === 'a sign-in could not go on')).toMatchObject([
    { level: 30, msg: 'a sign-in was finished', provider: 'google', entrance: 'shim' },
    { level: 40, provider: 'google', reason: 'The sign-in provider google does not answer.' },
  ]);
});

test('without https no cookie is Secure, and behind a path the browser’s cookie has that path', async () => {
  const plain = simulatedProvider('google');
  await using other = await openDoor({ publicUrl: 'http://127.0.0.1:4000/tidings', providers: [plain] });
  const away = await other.fetch('/oauth/google', { headers: html });
  const { tidings_browser: browser } = cookiesOf(away);
  expect(browser!.flags).toEqual(['HttpOnly', 'Max-Age=86400', 'Path=/tidings/oauth', 'SameSite=Lax']);
  const state = new URL(away.headers.get('location')!).searchParams.get('state')!;
  const back = await other.fetch(`/oauth/google/callback?${plain.answerFor(state, { subject: 'ada' })}`, {
    headers: { ...html, cookie: `tidings_browser=${browser!.value}` },
  });
  expect(back.headers.get('location')).toBe('http://127.0.0.1:4000/tidings/account');
  expect(cookiesOf(back)['tidings_session']!.flags).not.toContain('Secure');
});

test('a client that asks for JSON gets the address, and then the session with its user', async () => {
  const away = await shim.get('/oauth/google', json);
  expect(away.status).toBe(200);
  const { url, state } = (await away.json()) as { url: string; state: string };
  expect(new URL(url).searchParams.get('state')).toBe(state);
  const cookie = `${browserCookie}=${cookiesOf(away)[browserCookie]!.value}`;
  const person = { subject: 'grace', email: 'grace@example.com', name: 'Grace', picture: 'https://example.com/g.png' };
  const back = await shim.get(`/oauth/google/callback?${shim.google.answerFor(state, person)}`, { ...json, cookie });
  expect(back.status).toBe(200);
  const { token, expiresAt, user, ...more } = (await back.json()) as Record<string, unknown>;
  expect(more).toEqual({});
  expect(user).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    email: 'grace@example.com',
    displayName: 'Grace',
    avatarUrl: 'https://example.com/g.png',
    role: 'USER',
  });
  expect(expiresAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(cookiesOf(back)[sessionCookie]!.value).toBe(token);
  const { data } = await door.ask('{ me { email } }', {}, { authorization: `Bearer ${String(token)}` });
  expect(data).toEqual({ me: { email: 'grace@example.com' } });
});

test('two tabs of one browser are both signed in, each with a session of its own', async () => {
  const one = await shim.begin();
  const two = await shim.begin({ headers: { cookie: one.cookie } });
  expect(two.cookie).toBe(one.cookie);
  const tokens: string[] = [];
  for (const { back, cookie } of [one, two]) {
    const response = await shim.get(back, { ...html, cookie });
    expect(response.status).toBe(303);
    tokens.push(cookiesOf(response)[sessionCookie]!.value);
  }
  expect(new Set(tokens).size).toBe(2);
});

test('behind https a cookie without the host prefix, which a sibling domain can set, is refused', async () => {
  const { back, cookie } = await shim.begin();
  const response = await shim.get(back, { ...html, cookie: cookie.replace('__Host-', '') });
  expect(response.status).toBe(400);
});

test('a browser key of another form is replaced', async () => {
  const { cookie } = await shim.begin({ headers: { cookie: `${browserCookie}=short` } });
  expect(cookie).toMatch(/^__Host-tidings_browser=[\w-]{43}$/);
});

test('a session that was there before is not reused: the new one has another id', async () => {
  const before = await signInAs(door, 'USER');
  const { back, cookie } = await shim.begin({ subject: 'fixed' });
  const response = await shim.get(back, { ...html, cookie: `${cookie}; ${sessionCookie}=${before.token}` });
  const { value } = cookiesOf(response)[sessionCookie]!;
  expect(value.split('.')[0]).not.toBe(before.token.split('.')[0]);
  const who = async (token: string) =>
    (await door.ask('{ me { id displayName } }', {}, { authorization: `Bearer ${token}` })).data.me;
  expect((await who(value)).displayName).toBe('fixed');
  expect((await who(before.token)).id).toBe(before.id);
});

test('a sign-in that was begun in one browser is refused in another, and can still be finished in its own', async () => {
  const [mine, theirs] = [await shim.begin({ subject: 'mine' }), await shim.begin()];
  const before = await countEvents();
  for (const cookie of ['', theirs.cookie, `${browserCookie}=short`]) {
    const response = await shim.get(mine.back, { ...json, cookie });
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'BAD_USER_INPUT' }]);
    expect(response.headers.getSetCookie()).toEqual([]);
  }
  expect(await countEvents()).toBe(before);
  expect((await shim.get(mine.back, { ...html, cookie: mine.cookie })).status).toBe(303);
  expect((await shim.get(mine.back, { ...html, cookie: mine.cookie })).status).toBe(400);
});

test('a state that a program began is refused at the callback without using it up', async () => {
  const { data } = await door.ask('mutation { startOAuth(provider: "google") { url state } }');
  const { state, url } = data.startOAuth as Record<string, string>;
  expect(new URL(url!).searchParams.get('state')).toBe(state);
  const answer = shim.google.answerFor(state!, { subject: 'program' });
  const { cookie } = await shim.begin();
  expect((await shim.get(`/oauth/google/callback?${answer}`, { ...json, cookie })).status).toBe(400);
  const done = await door.ask(
    'mutation ($code: String!, $state: String!) { completeOAuth(provider: "google", code: $code, state: $state) { user { displayName } } }',
    { code: answer.get('code'), state },
    { authorization: '' },
  );
  expect(done).toEqual({ data: { completeOAuth: { user: { displayName: 'program' } } } });
});

test('an invited person’s browser takes the invitation up and is signed in as the user that an admin made', async () => {
  const { data } = await door.ask('mutation { createUser(input: { email: "joan@example.com" }) { id } }');
  const { id } = data.createUser as { id: string };
  const started = await door.ask(
    'mutation ($id: ID!) { startOAuth(provider: "google", userId: $id, redirectTo: "/hello") { url state } }',
    { id },
  );
  expect(started.data.startOAuth.state).toBeNull();
  const invitation = new URL(started.data.startOAuth.url);
  expect(invitation.href).toMatch(new RegExp(`^${publicUrl}/oauth/google\\?invitation=[\\w-]{22}$`));
  const { back, cookie } = await shim.begin({ path: `${invitation.pathname}${invitation.search}`, subject: 'joan' });
  const response = await shim.get(back, { ...html, cookie });
  expect([response.status, response.headers.get('location')]).toEqual([303, `${publicUrl}/hello`]);
  const { value } = cookiesOf(response)[sessionCookie]!;
  const me = await door.ask('{ me { id email } }', {}, { authorization: `Bearer ${value}` });
  expect(me.data).toEqual({ me: { id, email: 'joan@example.com' } });

  expect((await shim.get(`${invitation.pathname}${invitation.search}`)).status).toBe(400);
});

test('a link needs a session to begin and the same user’s to finish, and then it is one more way in', async () => {
  expect((await shim.get('/oauth/google?link=1')).status).toBe(401);
  const [one, other] = [await signInAs(door, 'USER'), await signInAs(door, 'USER')];
  const sessionOf = ({ token }: { token: string }) => `${sessionCookie}=${token}`;
  const { back, cookie } = await shim.begin({
    path: '/oauth/google?link=1',
    subject: 'linked',
    headers: { cookie: sessionOf(one) },
  });
  expect((await shim.get(back, { ...html, cookie })).status).toBe(401);
  expect((await shim.get(back, { ...html, cookie: `${cookie}; ${sessionOf(other)}` })).status).toBe(403);
  const done = await shim.get(back, { ...json, cookie: `${cookie}; ${sessionOf(one)}` });
  expect([done.status, await done.json()]).toMatchObject([200, { token: one.token, user: { id: one.id } }]);

  const late = await shim.begin({
    path: '/oauth/google?link=1',
    subject: 'linked',
    headers: { cookie: sessionOf(other) },
  });
  const taken = await shim.get(late.back, { ...json, cookie: `${late.cookie}; ${sessionOf(other)}` });
  expect([taken.status, await taken.json()]).toMatchObject([409, { code: 'CONFLICT' }]);
});
