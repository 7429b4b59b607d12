// The demo's provider is a real one: an OpenID client that knows nothing of it signs in with it.

import * as client from 'openid-client';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type Browser, openBrowser } from '../../src/demo/oauth-browser.ts';
import { type OpenIdProvider, openOpenIdProvider } from '../../src/demo/openid-provider.ts';
import { hedy, joan, people } from '../../src/demo/people.ts';

/** Nobody listens there: the browser stops before it. */
const callback = 'http://127.0.0.1:9/oauth/demo/callback';
const checks = {
  expectedNonce: 'a-nonce',
  expectedState: 'a-state',
  pkceCodeVerifier: client.randomPKCECodeVerifier(),
};

let provider: OpenIdProvider;
let configuration: client.Configuration;
let url: URL;
let browser: Browser;
beforeEach(async () => {
  provider = await openOpenIdProvider({ accounts: people });
  onTestFinished(() => provider[Symbol.asyncDispose]());
  provider.allow(callback);
  const { issuer, clientId, clientSecret } = provider;
  configuration = await client.discovery(new URL(issuer), clientId, undefined, client.ClientSecretBasic(clientSecret), {
    // oxlint-disable-next-line typescript/no-deprecated -- marked so to stand out; this is the loopback
    execute: [client.allowInsecureRequests],
  });
  url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: callback,
    scope: 'openid email profile',
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    nonce: checks.expectedNonce,
    state: checks.expectedState,
  });
  browser = openBrowser();
});

test('the client gets the person who is chosen on the page, and the next sign-in asks again', async () => {
  for (const person of [hedy, joan]) {
    const returned = await browser.signIn(url, { login: person.sub, stopAt: callback });
    const tokens = await client.authorizationCodeGrant(configuration, returned, { ...checks, idTokenExpected: true });
    expect(await client.fetchUserInfo(configuration, tokens.access_token, person.sub)).toEqual(person);
  }
});

test('going back without signing in is access_denied', async () => {
  const page = await loginPageAt(url);
  const denied = await browser.request(page, { method: 'POST', body: new URLSearchParams({ deny: 'yes' }) });
  const returned = await browser.request(denied.headers.get('location')!);
  expect(new URL(returned.headers.get('location')!).searchParams.get('error')).toBe('access_denied');
});

test('no client is sent anywhere but to the callback that it was allowed', async () => {
  for (const elsewhere of [
    'http://127.0.0.1:9/other',
    'http://127.0.0.1:10/oauth/demo/callback',
    'http://192.0.2.1/',
  ]) {
    url.searchParams.set('redirect_uri', elsewhere);
    const answer = await browser.request(url);
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  }
});

test('its page lists everybody, and asks nobody for anything', async () => {
  const answer = await browser.request(await loginPageAt(url));
  const page = await answer.text();
  for (const { name } of people) expect(page).toContain(name);
  expect(page).not.toMatch(/\b(src|href)="(?!data:)|@import|url\(|<script/i);
  expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
});

test('it says nothing on the terminal, which belongs to the demo', async () => {
  const said = (['log', 'info', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name));
  onTestFinished(() => said.forEach((spy) => spy.mockRestore()));
  await using another = await openOpenIdProvider({ accounts: people });
  expect((await fetch(`${another.issuer}/auth`)).status).toBe(400);
  await browser.signIn(url, { login: 'hedy', stopAt: callback });
  expect(said.flatMap((spy) => spy.mock.calls)).toEqual([]);
});

test('a request outside a sign-in under way gets a sentence and no page', async () => {
  const answer = await browser.request(`${provider.issuer}/interaction/unknown`);
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(/^[^\n<]+\n$/)]);
});

async function loginPageAt(start: URL): Promise<URL> {
  const { headers } = await browser.request(start);
  return new URL(headers.get('location')!, start);
}
