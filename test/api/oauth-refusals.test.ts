import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Refusal } from '../../src/policy/refusal.ts';
import { type Door, adminToken, signInAs } from './door.ts';
import { type Shim, cookiesOf, friend, html, json, openShim, publicUrl, sessionCookie, startAgain } from './shim.ts';

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
  ['/oauth/google?link=yes', '/oauth/google'],
  ['/oauth/google?redirect_to=/a&redirect_to=/b', '/oauth/google'],
  ['/oauth/google?link=yes&redirect_to=/a', '/oauth/google?redirect_to=%2Fa'],
  ['/oauth/google?redirect_to=//evil.example', '/oauth/google'],
  // Whoever was invited and begins without the invitation would become a stranger.
  ['/oauth/google?invitation=x', null],
  ['/oauth/google?invitation=x&link=1', '/oauth/google?invitation=x'],
  ['/oauth/google?invitation=x&redirect_to=/a', '/oauth/google?invitation=x'],
  ['/oauth/google/callback', '/oauth/google'],
  ['/oauth/google/callback?state=x', '/oauth/google'],
  ['/oauth/google/callback?state=x&code=y', '/oauth/google'],
  ['/oauth/google/callback?state=x&state=x&code=y', '/oauth/google'],
])('%s is 400 with a sentence, in JSON and as a page that leads to %s', async (path, again) => {
  const program = await shim.get(path, json);
  const { error, code } = (await program.json()) as { error: string; code: string };
  expect([program.status, code]).toEqual([400, 'BAD_USER_INPUT']);
  expect(error).toMatch(/.{10,}\.$/);
  const browser = await shim.get(path);
  expect(browser.status).toBe(400);
  expect(browser.headers.get('content-type')).toContain('text/html');
  expect(startAgain(await browser.text())).toBe(again);
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

test('an unforeseen error is 500 without a word of it, and is logged', async () => {
  const { back, cookie } = await shim.begin();
  shim.google.beforeItSays = () => {
    throw new Error('the inside of the service');
  };
  const response = await shim.get(back, { ...json, cookie });
  expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('inside')]);
  expect(door.logged.at(-1)).toContain('the inside of the service');
});

test('a refusal by the provider is a 400 for the caller, and uses the state up', async () => {
  const { state, cookie, back } = await shim.begin();
  const refused = await shim.get(`/oauth/google/callback?error=access_denied&state=${encodeURIComponent(state)}`, {
    ...json,
    cookie,
  });
  expect(refused.status).toBe(400);
  expect((await shim.get(back, { ...json, cookie })).status).toBe(400);
});

test.each([
  ['/oauth/google', 'GET, POST', ['HEAD', 'PUT', 'DELETE', 'PATCH']],
  ['/oauth/google/callback?state=x&code=y', 'GET', ['HEAD', 'POST', 'PUT', 'DELETE']],
])('%s takes %s alone', async (path, allowed, methods) => {
  for (const method of methods) {
    const response = await door.fetch(path, { method, ...(method === 'POST' ? { body: '' } : {}) });
    expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, allowed]);
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
      body: JSON.stringify({ query: `mutation { startOAuth(provider: "google"${args}) { url } }` }),
    });
    const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
    return [response.status, response.headers.get('retry-after'), errors?.[0]?.extensions.code];
  };
  expect(await start('')).toEqual([429, '17', 'RATE_LIMITED']);
  expect(await start(`, userId: "${id}"`, `Bearer ${adminToken}`)).toEqual([200, null, undefined]);
});

test('a service that is ending begins no sign-in and finishes none', async () => {
  const { back, cookie } = await shim.begin();
  door.draining = true;
  expect((await shim.get('/oauth/google', json)).status).toBe(503);
  expect((await shim.get(back, { ...html, cookie })).status).toBe(503);
  door.draining = false;
  expect((await shim.get(back, { ...html, cookie })).status).toBe(303);
});

test('no line of the log holds a code, a state, a key or a token, whatever goes wrong', async () => {
  const begun = [await shim.begin({ subject: 'quiet' }), await shim.begin(), await shim.begin()] as const;
  const before = door.logged.length;
  const [{ back, cookie }, away, broken] = begun;
  const done = await shim.get(back, { ...html, cookie });
  await shim.get(back, { ...html, cookie });
  // One line of the sign-in that was finished, and none of its repeat.
  expect(door.logged).toHaveLength(before + 1);

  shim.google.beforeItSays = () => {
    throw new Refusal('UNAVAILABLE', 'The provider google does not answer.');
  };
  expect((await shim.get(away.back, { ...html, cookie: away.cookie })).status).toBe(503);
  shim.google.beforeItSays = () => {
    const url = `${publicUrl}${broken.back}`;
    const cause = Object.assign(new Error(`no answer to <${url}>`), { url });
    throw Object.assign(new Error(`cannot ask ${url} now`, { cause }), { url });
  };
  expect((await shim.get(broken.back, { ...html, cookie: broken.cookie })).status).toBe(500);
  const lines = door.logged.slice(before + 1);
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 40, provider: 'google', reason: 'The provider google does not answer.' },
    {
      level: 50,
      path: '/oauth/google/callback',
      err: {
        type: 'Error',
        message: `cannot ask ${publicUrl}/oauth/google/callback?… now: no answer to <${publicUrl}/oauth/google/callback?…>`,
        stack: expect.stringContaining('oauth-refusals.test.ts') as unknown,
      },
    },
  ]);
  const all = door.logged.join('');
  const session = cookiesOf(done)[sessionCookie]!.value;
  const codes = begun.map((one) => new URLSearchParams(one.back.split('?')[1]).get('code')!);
  for (const secret of [...codes, ...begun.map(({ state }) => state), cookie.split('=')[1]!, session])
    expect(all).not.toContain(secret);
});
