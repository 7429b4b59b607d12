import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Refusal } from '../../src/policy/refusal.ts';
import { type Door, signInAs } from './door.ts';
import { type Shim, cookiesOf, friend, html, json, openShim, publicUrl } from './shim.ts';

let shim: Shim;
let door: Door;
beforeAll(async () => {
  shim = await openShim();
  ({ door } = shim);
});
beforeEach(() => {
  shim.wait(null);
  shim.google.beforeItSays = () => {};
});
afterAll(async () => await shim[Symbol.asyncDispose]());

test.each([
  ['//evil.example', 400],
  ['https://evil.example/', 400],
  ['https:evil.example', 400],
  ['/\\evil.example', 400],
  ['/%0d%0aSet-Cookie:a=b', 400],
  ['javascript:alert(1)', 400],
  ['https://app.example.com.evil.example/', 400],
  ['https://app.example.com@evil.example/', 400],
  ['', 400],
  [`${friend}/signed-in`, 302],
  [`${publicUrl}/graphiql`, 302],
])('redirect_to %j is answered with %i', async (wanted, status) => {
  const response = await shim.get(`/oauth/google?${new URLSearchParams({ redirect_to: wanted })}`);
  expect(response.status).toBe(status);
});

test.each([
  '/oauth/google?link=yes',
  '/oauth/google?redirect_to=/a&redirect_to=/b',
  '/oauth/google?invitation=x',
  '/oauth/google?invitation=x&link=1',
  '/oauth/google/callback',
  '/oauth/google/callback?state=x',
  '/oauth/google/callback?state=x&code=y',
  '/oauth/google/callback?state=x&state=x&code=y',
])('%s is 400 with a sentence, in JSON and as a page', async (path) => {
  const program = await shim.get(path, json);
  const { error, code } = (await program.json()) as { error: string; code: string };
  expect([program.status, code]).toEqual([400, 'BAD_USER_INPUT']);
  expect(error).toMatch(/.{10,}\.$/);
  const browser = await shim.get(path);
  expect(browser.status).toBe(400);
  expect(browser.headers.get('content-type')).toContain('text/html');
  const page = await browser.text();
  expect(page).toContain('<a href="/oauth/google">Start again</a>');
  expect(browser.headers.get('content-security-policy')).toBe(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  expect([...program.headers.getSetCookie(), ...browser.headers.getSetCookie()]).toEqual([]);
});

test.each([
  '/oauth/nobody',
  '/oauth/nobody/callback?state=x&code=y',
  '/oauth/__proto__',
  '/oauth/%3Cscript%3E',
  '/oauth/%zz',
])('%s names no provider: 404, and a page that repeats nothing of it', async (path) => {
  expect((await shim.get(path, json)).status).toBe(404);
  const response = await shim.get(path);
  expect(response.status).toBe(404);
  const page = await response.text();
  expect(page).not.toMatch(/nobody|script|__proto__|Start again/);
  expect(page).toContain('href="/"');
});

test('what a refusal says is text on its page, whatever it holds', async () => {
  const { back, cookie } = await shim.begin();
  shim.google.beforeItSays = () => {
    throw new Refusal('UNAVAILABLE', '<script>alert("1")</script> & more.');
  };
  const response = await shim.get(back, { ...html, cookie });
  expect(response.status).toBe(503);
  const page = await response.text();
  expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; more.');
  expect(page).not.toContain('<script');
});

test('what goes wrong unforeseen is 500 without a word of it, and logged', async () => {
  const { back, cookie } = await shim.begin();
  shim.google.beforeItSays = () => {
    throw new Error('the inside of the service');
  };
  const response = await shim.get(back, { ...json, cookie });
  expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('inside')]);
  expect(door.logged.at(-1)).toContain('the inside of the service');
});

test('a provider’s no is the caller’s 400 and uses the state up', async () => {
  const { state, cookie, back } = await shim.begin();
  const refused = await shim.get(`/oauth/google/callback?error=access_denied&state=${encodeURIComponent(state)}`, {
    ...json,
    cookie,
  });
  expect(refused.status).toBe(400);
  expect((await shim.get(back, { ...json, cookie })).status).toBe(400);
});

test.each(['/oauth/google', '/oauth/google/callback?state=x&code=y'])('%s takes GET alone', async (path) => {
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE']) {
    const response = await door.fetch(path, { method, ...(method === 'POST' ? { body: '' } : {}) });
    expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, 'GET']);
    expect(response.headers.getSetCookie()).toEqual([]);
  }
});

test('too many starts are 429 with Retry-After, for pages, programs and GraphQL, but not for an admin’s invitations', async () => {
  shim.wait(17);
  for (const headers of [html, json]) {
    const response = await shim.get('/oauth/google', headers);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '17']);
    expect(response.headers.getSetCookie()).toEqual([]);
  }
  const { id } = await signInAs(door, 'USER');
  const start = async (args: string, authorization?: string) => {
    const response = await door.fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
      body: JSON.stringify({ query: `mutation { startOAuth(provider: "google"${args}) { state } }` }),
    });
    const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
    return [response.status, response.headers.get('retry-after'), errors?.[0]?.extensions.code];
  };
  expect(await start('')).toEqual([429, '17', 'RATE_LIMITED']);
  expect(await start(`, userId: "${id}"`, 'Bearer the-admin-token')).toEqual([200, null, undefined]);
});

test('a service that is ending begins no sign-in and finishes none', async () => {
  const { back, cookie } = await shim.begin();
  door.draining = true;
  expect((await shim.get('/oauth/google', json)).status).toBe(503);
  expect((await shim.get(back, { ...html, cookie })).status).toBe(503);
  door.draining = false;
  expect((await shim.get(back, { ...html, cookie })).status).toBe(303);
});

test('no line of the log holds a code, a state, a key or a token', async () => {
  const { back, cookie, state } = await shim.begin({ subject: 'quiet' });
  const code = new URLSearchParams(back.split('?')[1]).get('code')!;
  const done = await shim.get(back, { ...html, cookie });
  await shim.get(back, { ...html, cookie });
  const lines = door.logged.join('');
  const key = cookie.split('=')[1]!;
  for (const secret of [code, state, key, cookiesOf(done)['tidings_session']!.value])
    expect(lines).not.toContain(secret);
});
