// The page at /account: what it shows to whom, and its form.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { User } from '../../src/model/user.ts';
import { type Door, openDoor, signInAs } from './door.ts';
import { type Shim, cookiesOf, friend, html, openShim, publicUrl, sessionCookie } from './shim.ts';

let shim: Shim;
let door: Door;
beforeAll(async () => {
  shim = await openShim();
  ({ door } = shim);
});
afterAll(async () => await shim[Symbol.asyncDispose]());

const cookieOf = (token: string) => `${sessionCookie}=${token}`;
const idOf = (token: string) => token.slice(0, 36);
const linksOf = (page: string) => [...page.matchAll(/href="([^"]*)"/g)].map(([, to]) => to!);
const page = async (token?: string) =>
  await (await shim.get('/account', token === undefined ? html : { ...html, cookie: cookieOf(token) })).text();

/** Signs a person in by browser; the session's token. */
async function signIn(subject: string, path = '/oauth/google', token?: string): Promise<string> {
  const headers: Record<string, string> = token === undefined ? {} : { cookie: cookieOf(token) };
  const { back, cookie } = await shim.begin({ path, subject, headers });
  const cookies = token === undefined ? cookie : `${cookie}; ${cookieOf(token)}`;
  return cookiesOf(await shim.get(back, { ...html, cookie: cookies }))[sessionCookie]!.value;
}

/** Presses a button "Sign out" as a browser does; the status, where it leads and the cookie that it leaves. */
async function pressSignOut(session: string, headers: Record<string, string>) {
  const response = await door.fetch('/account', {
    method: 'POST',
    headers: { ...html, origin: publicUrl, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ session }).toString(),
  });
  const cookie = cookiesOf(response)[sessionCookie];
  return { status: response.status, location: response.headers.get('location'), cookie };
}

const isSignedIn = async (token: string) =>
  (await door.ask('{ me { id } }', {}, { authorization: `Bearer ${token}` })).data.me !== null;

test('a stranger is offered each provider by its name, and every link is relative to the page', async () => {
  const response = await shim.get('/account');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; base-uri 'none'");
  const text = await response.text();
  expect(text).toContain('Nobody is signed in.');
  expect(text).toContain('<a href="oauth/google">Sign in with Google</a>');
  expect(text).toContain('<a href="oauth/github">Sign in with GitHub &amp; Co.</a>');
  expect(text).not.toContain('<form');
  // Behind a path of its own the page leads nowhere else.
  expect(linksOf(text)).toEqual(['oauth/google', 'oauth/github', './', 'graphiql', 'healthz', 'readyz']);
});

test('a service without providers says so', async () => {
  await using bare = await openDoor();
  expect(await (await bare.fetch('/account')).text()).toContain('config/oauth.yaml names no provider');
});

test('only what is not linked is offered to be linked: one provider, the other one, and then none', async () => {
  const token = await signIn('linking');
  expect(await page(token)).toContain('<a href="oauth/github?link=1">Link your account at GitHub &amp; Co.</a>');
  expect(await page(token)).toMatch(/<li>Google, since <time/);
  expect(linksOf(await page(token)).filter((to) => to.includes('link'))).toEqual(['oauth/github?link=1']);

  const other = (await signInAs(door, 'USER')).token;
  expect(linksOf(await page(other)).filter((to) => to.includes('link'))).toEqual([
    'oauth/google?link=1',
    'oauth/github?link=1',
  ]);

  const { url, state } = (
    await door.ask(
      'mutation { startOAuth(provider: "github", link: true) { url state } }',
      {},
      { authorization: `Bearer ${token}` },
    )
  ).data.startOAuth as { url: string; state: string };
  expect(url).toContain('github');
  const { github } = shim;
  const code = github.answerFor(state, { subject: 'linking' }).get('code');
  await door.ask(
    'mutation ($code: String!, $state: String!) { completeOAuth(provider: "github", code: $code, state: $state) { token } }',
    { code, state },
    { authorization: `Bearer ${token}` },
  );
  expect(linksOf(await page(token)).filter((to) => to.includes('link'))).toEqual([]);
  expect(await page(token)).toMatch(/<li>GitHub &amp; Co\., since <time/);
});

test('what a person is called is text', async () => {
  const { id, token } = await signInAs(door, 'USER');
  await door.orm.em.fork().nativeUpdate(User, { id }, { displayName: '<b>Eve</b>' });
  expect(await page(token)).toContain('Signed in as <strong>&lt;b&gt;Eve&lt;/b&gt;</strong> (USER).');
});

test('each session has a button that ends it, and one’s own takes the cookie away', async () => {
  const [here, there, elsewhere] = [await signIn('busy'), await signIn('busy'), await signIn('busy')];
  const shown = await page(here);
  const buttons = [...shown.matchAll(/name="session" value="([^"]*)"/g)].map(([, id]) => id);
  // One's own first, then the newest first.
  expect(buttons).toEqual([here, elsewhere, there].map(idOf));
  expect(shown).toMatch(/<strong>Here<\/strong>: since <time/);
  expect(shown).not.toContain(here);

  const ended = await pressSignOut(idOf(there), { cookie: cookieOf(here) });
  expect(ended).toEqual({ status: 303, location: '/account', cookie: undefined });
  expect([await isSignedIn(here), await isSignedIn(there), await isSignedIn(elsewhere)]).toEqual([true, false, true]);
  // Pressed twice.
  expect((await pressSignOut(idOf(there), { cookie: cookieOf(here) })).status).toBe(303);

  const out = await pressSignOut(idOf(here), { cookie: cookieOf(here) });
  expect([out.status, out.location, out.cookie?.value, out.cookie?.flags]).toEqual([
    303,
    '/account',
    '',
    expect.arrayContaining(['Max-Age=0']) as unknown,
  ]);
  expect(await isSignedIn(here)).toBe(false);
});

test('a form of another page, of a stranger or of another user ends no session', async () => {
  const mine = await signIn('guarded');
  const other = await signIn('guarded-too');
  // The page lets the browser say where the form is, which a page without referrers would not.
  expect((await shim.get('/account')).headers.get('referrer-policy')).toBe('same-origin');
  for (const origin of ['null', 'https://evil.example', 'https://blog.example.com']) {
    expect((await pressSignOut(idOf(mine), { cookie: cookieOf(mine), origin })).status).toBe(401);
  }
  expect((await pressSignOut(idOf(mine), {})).status).toBe(401);
  expect((await pressSignOut(idOf(mine), { cookie: cookieOf(other) })).status).toBe(303);
  expect(await isSignedIn(mine)).toBe(true);
  expect((await pressSignOut(idOf(mine), { cookie: cookieOf(mine), origin: friend })).status).toBe(303);
  expect(await isSignedIn(mine)).toBe(false);
});

test('a form without a session is refused with a sentence, and so is another method', async () => {
  const token = await signIn('formless');
  const send = async (init: RequestInit) =>
    await door.fetch('/account', { ...init, headers: { cookie: cookieOf(token), accept: 'application/json' } });
  const refused = await send({ method: 'POST', body: new URLSearchParams({ other: 'x' }) });
  expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'BAD_USER_INPUT' }]);
  const broken = { method: 'POST', body: 'x', headers: { 'content-type': 'multipart/form-data; boundary=x' } };
  const headers = { ...broken.headers, cookie: cookieOf(token) };
  expect((await door.fetch('/account', { ...broken, headers })).status).toBe(400);
  const deleted = await send({ method: 'DELETE' });
  expect([deleted.status, deleted.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  expect(await isSignedIn(token)).toBe(true);
});

test('below a path of its own the form leads below that path', async () => {
  await using below = await openDoor({ publicUrl: 'https://example.com/tidings' });
  const { token } = await signInAs(below, 'USER');
  const headers = { cookie: `tidings_session=${token}`, 'content-type': 'application/x-www-form-urlencoded' };
  const out = await below.fetch('/account', { method: 'POST', headers, body: `session=${idOf(token)}` });
  expect([out.status, out.headers.get('location')]).toEqual([303, '/tidings/account']);
});
