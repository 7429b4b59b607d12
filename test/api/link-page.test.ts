// A link begins by the button of the page that asks, and by nothing that another page can send.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { User } from '../../src/model/user.ts';
import { simulatedProvider } from '../users/simulated-provider.ts';
import { type Door, openDoor, signInAs } from './door.ts';
import {
  type Shim,
  browserCookie,
  cookiesOf,
  formToken,
  friend,
  html,
  json,
  openShim,
  publicUrl,
  sessionCookie,
  startAgain,
} from './shim.ts';

let shim: Shim;
let door: Door;
beforeAll(async () => {
  shim = await openShim();
  ({ door } = shim);
});
afterAll(async () => await shim[Symbol.asyncDispose]());

const path = '/oauth/google?link=1';
const withSession = (token: string) => ({ ...html, cookie: `${sessionCookie}=${token}` });
const pageOf = async (token: string, at = path) => await (await shim.get(at, withSession(token))).text();
const accountsOf = async (userId: string) => await door.orm.em.fork().count(OAuthAccount, { userId });

// Where PUBLIC_URL is plain http, browsers say nothing of where a request comes from.
const from: [string, Record<string, string>][] = [
  ['a browser that says nothing', {}],
  ['the address bar', { 'sec-fetch-site': 'none' }],
  ['our own page', { 'sec-fetch-site': 'same-origin', referer: `${publicUrl}/account` }],
  ['an allowed page', { 'sec-fetch-site': 'same-site', referer: `${friend}/settings` }],
  ['a page of the same site', { 'sec-fetch-site': 'same-site', referer: 'https://blog.example.com/' }],
  ['a page of another site', { 'sec-fetch-site': 'cross-site', referer: 'https://evil.example/' }],
  ['a program', json],
];

test.each(from)('%s gets a page that asks and begins nothing, and a sign-in always begins', async (_, headers) => {
  const { id, token } = await signInAs(door, 'USER');
  const sent = { ...withSession(token), ...headers };
  const asked = await shim.get(path, sent);
  expect([asked.status, asked.headers.get('location'), asked.headers.getSetCookie()]).toEqual([200, null, []]);
  expect(await asked.text()).toContain('<h1>Link an account at Google?</h1>');
  expect(await accountsOf(id)).toBe(0);
  expect([200, 302]).toContain((await shim.get('/oauth/google', sent)).status);
});

test('the page says who is signed in and where, holds no script, is shown in no frame, and tells its form’s origin', async () => {
  const { id, token } = await signInAs(door, 'USER');
  await door.orm.em.fork().nativeUpdate(User, { id }, { displayName: '<b>Eve</b>' });
  const response = await shim.get('/oauth/github?link=1', withSession(token));
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  });
  const page = await response.text();
  expect(page).toContain('You are signed in as <strong>&lt;b&gt;Eve&lt;/b&gt;</strong>');
  expect(page).toContain('<button>Link your account at GitHub &amp; Co.</button>');
  expect(page).not.toContain('<script');
  // It names no session, and is none.
  expect(page).not.toContain(token.split('.')[0]);
  expect(await door.ask('{ me { id } }', {}, { authorization: `Bearer ${formToken(page)}` })).toHaveProperty('errors');
});

test('its button begins the link, with all that was asked for, and the link is finished', async () => {
  const { id, token } = await signInAs(door, 'USER');
  const page = await pageOf(token, `${path}&redirect_to=/settings?a=b`);
  const away = await shim.press(page, withSession(token));
  expect([away.status, away.headers.get('location')]).toEqual([
    303,
    expect.stringMatching(/^https:\/\/google\.example/),
  ]);
  const browser = cookiesOf(away)[browserCookie]!.value;
  const state = new URL(away.headers.get('location')!).searchParams.get('state')!;
  const back = await shim.get(`/oauth/google/callback?${shim.google.answerFor(state, { subject: 'pressed' })}`, {
    ...html,
    cookie: `${browserCookie}=${browser}; ${sessionCookie}=${token}`,
  });
  expect([back.status, back.headers.get('location')]).toEqual([303, `${publicUrl}/settings?a=b`]);
  expect(await accountsOf(id)).toBe(1);
  const program = await shim.press(page, { ...withSession(token), ...json });
  expect([program.status, await program.json()]).toMatchObject([200, { url: expect.any(String) as unknown }]);
});

type Forged = { headers?: Record<string, string>; token?: string; status: number };
type Victim = { token: string; page: string; again: string };

const forged: Record<string, (victim: Victim) => Promise<Forged>> = {
  'without a token': async () => ({ token: '', status: 403 }),
  'with a made-up token': async () => ({ token: 'x'.repeat(43), status: 403 }),
  'with a token of another length': async ({ page }) => ({ token: `${formToken(page)}=`, status: 403 }),
  'with the attacker’s own token': async () => {
    return { token: formToken(await pageOf((await signInAs(door, 'USER')).token)), status: 403 };
  },
  'with the token of another session of that user': async ({ again }) => {
    return { token: formToken(await pageOf(again)), status: 403 };
  },
  'with the signature of the session': async ({ token }) => ({ token: token.split('.')[1]!, status: 403 }),
  'with the session itself': async ({ token }) => ({ token, status: 403 }),
  'from a page of another origin': async () => ({ headers: { origin: 'https://evil.example' }, status: 401 }),
  'from a page of the same site': async () => ({ headers: { origin: 'https://blog.example.com' }, status: 401 }),
  'from a page that hides its origin': async () => ({ headers: { origin: 'null' }, status: 401 }),
  'without the session': async () => ({ headers: { cookie: '' }, status: 401 }),
  'with two sessions': async ({ token, again }) => {
    return { headers: { cookie: `${sessionCookie}=${again}; ${sessionCookie}=${token}` }, status: 401 };
  },
  'as text': async () => ({ headers: { 'content-type': 'text/plain' }, status: 400 }),
  'in parts that are none': async () => ({
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    status: 400,
  }),
  'as JSON': async () => ({ headers: { 'content-type': 'application/json' }, status: 400 }),
};

test.each(Object.entries(forged))('a form %s begins nothing, and leads to the page that asks', async (_, make) => {
  const { id, token } = await signInAs(door, 'USER');
  const em = door.orm.em.fork();
  const second = door.sessions.open(em, id, null, new Date());
  await em.flush();
  const page = await pageOf(token);
  const { headers = {}, token: given, status } = await make({ token, page, again: door.sessions.tokenOf(second.id) });
  const response = await shim.press(page, { ...withSession(token), ...headers }, given);
  expect([response.status, response.headers.getSetCookie()]).toEqual([status, []]);
  expect(startAgain(await response.text())).toBe(path);
});

test.each([
  ['/oauth/google', 400],
  ['/oauth/google?link=yes', 400],
  ['/oauth/google?link=1&link=1', 400],
  ['/oauth/google?link=1&redirect_to=//evil.example', 400],
  ['/oauth/nobody?link=1', 404],
])('the right token does not make a form right: %s is %i', async (to, status) => {
  const { token } = await signInAs(door, 'USER');
  const action = to.replaceAll('&', '&amp;');
  const page = (await pageOf(token)).replace(/action="[^"]*"/, `action="${action}"`);
  const response = await shim.press(page, withSession(token));
  expect([response.status, response.headers.getSetCookie()]).toEqual([status, []]);
});

test.each([
  ['/oauth/google?link=1&redirect_to=https://evil.example/', 400],
  ['/oauth/google?link=1&invitation=x', 400],
  ['/oauth/nobody?link=1', 404],
])('%s is refused before anything is asked', async (at, status) => {
  const { token } = await signInAs(door, 'USER');
  expect((await shim.get(at, withSession(token))).status).toBe(status);
});

test('below a path of PUBLIC_URL, in plain http, the form leads below the path', async () => {
  const google = simulatedProvider('google');
  const home = 'http://example.com/tidings';
  await using below = await openDoor({ publicUrl: home, providers: [google] });
  const { token } = await signInAs(below, 'USER');
  const page = await (await below.fetch(path, { headers: { ...html, cookie: `tidings_session=${token}` } })).text();
  const links = [...page.matchAll(/(?:href|action)="([^"]*)"/g)].map(([, to]) => to);
  expect(links).toEqual(['/tidings/oauth/google?link=1', '/tidings/account']);
});

// SameSite=Lax lets any page send a signed-in browser to an address, and a GET is all that it can send.
test.each([
  ['ends no session', (id: string) => `/account?session=${id}`],
  ['logs nobody out', () => `/graphql?${new URLSearchParams({ query: 'mutation { logout }' })}`],
  ['deletes nobody', () => `/graphql?${new URLSearchParams({ query: 'mutation { deleteAccount }' })}`],
  [
    'begins no link',
    () =>
      `/graphql?${new URLSearchParams({ query: 'mutation { startOAuth(provider: "google", link: true) { url } }' })}`,
  ],
  ['links nothing with a token in the address', (_: string, token: string) => `${path}&token=${token}`],
])('a GET %s', async (_, address) => {
  const { id, token } = await signInAs(door, 'USER');
  const to = address(token.split('.')[0]!, formToken(await pageOf(token)));
  for (const accept of [html, json]) {
    const response = await shim.get(to, { ...withSession(token), ...accept });
    expect([response.headers.getSetCookie(), await accountsOf(id)]).toEqual([[], 0]);
    expect(response.headers.get('location') ?? '').not.toContain('google.example');
    expect(await response.text()).not.toContain('google.example');
  }
  expect((await door.ask('{ me { id } }', {}, { authorization: `Bearer ${token}` })).data.me).toEqual({ id });
});
