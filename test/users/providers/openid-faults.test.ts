import { Events, type MutableResponse } from 'oauth2-mock-server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openIdProvider } from '../../../src/users/providers/openid.ts';
import { type ScriptedReceiver, openReceiver, openScriptedReceiver } from '../../support/receiver/receiver.ts';
import type { Answer } from '../../support/receiver/reply.ts';
import type { Step } from '../../support/receiver/script.ts';
import { beginSignIn, refusalOf } from './begun-sign-in.ts';
import { answerOfMock, openMockProvider } from './mock-provider.ts';

afterEach(() => {
  vi.useRealTimers();
});

const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html' };
const jsonHead = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n';
const canary = 'provider-canary';

/** Does this in place of each answer. */
async function openPlaying(...steps: Step[]): Promise<ScriptedReceiver> {
  return await openScriptedReceiver({ script: { when: 'request', everywhere: true, steps } });
}

function error(code: string, status = 400): Answer {
  return { status, headers: json, body: JSON.stringify({ error: code, error_description: canary }) };
}

/** A sign-in at a provider one of whose endpoints is elsewhere, up to the refusal. */
async function refusedWith(endpoint: 'token_endpoint' | 'jwks_uri', url: string): Promise<string> {
  await using mock = await openMockProvider();
  mock.server.service.on(Events.BeforeWellKnownOpenIdConfiguration, ({ body }: MutableResponse) => {
    Object.assign(body as object, { [endpoint]: url });
  });
  const provider = openIdProvider(mock.settings);
  const begun = beginSignIn();
  const answer = await answerOfMock(provider, begun);
  const secrets = [
    begun.codeVerifier,
    begun.nonce,
    begun.state,
    answer.get('code'),
    mock.settings.clientSecret,
    canary,
  ];
  return await refusalOf(provider.identify(answer, begun, 'shim'), secrets);
}

const tokenReplies: Record<string, [Answer, RegExp]> = {
  'a code it does not know': [error('invalid_grant'), /^BAD_USER_INPUT: .*refused the code \(invalid_grant\)/],
  'a client it does not know': [error('invalid_client'), /^UNAVAILABLE: .*\(invalid_client\); check its client_id/],
  'a challenge': [
    { status: 401, headers: { ...json, 'www-authenticate': `Basic realm="${canary}"` }, body: '{}' },
    /^UNAVAILABLE: .*\(invalid_client\); check its client_id/,
  ],
  'an error that is no code': [
    error(`${canary} <script>`),
    /^UNAVAILABLE: .*refused the request of this service; check/,
  ],
  'an error that is too long for a code': [error('a'.repeat(65)), /^UNAVAILABLE: .*of this service; check/],
  'an error without a name': [{ status: 400, headers: json, body: '{}' }, /^UNAVAILABLE: .*no OpenID Connect/],
  'a page that says 400': [{ status: 400, headers: html, body: canary }, /^UNAVAILABLE: .*no OpenID Connect/],
  'an error with 500': [error('invalid_grant', 500), /^UNAVAILABLE: .*answered HTTP 500/],
  'too many requests': [error('slow_down', 429), /^UNAVAILABLE: .*answered HTTP 429/],
  'a redirect': [{ status: 302, headers: { location: '/token' } }, /^UNAVAILABLE: .*answered HTTP 302/],
  'a redirect that keeps the body': [{ status: 307, headers: { location: '/token' } }, /^UNAVAILABLE: .*HTTP 307/],
  'no content': [{ status: 204 }, /^UNAVAILABLE: .*answered HTTP 204/],
  'a page': [{ headers: html, body: `<p>${canary}` }, /^UNAVAILABLE: .*no JSON/],
  nothing: [{ headers: json }, /^UNAVAILABLE: .*no JSON/],
  'half an object': [{ headers: json, body: `{"access_token":"${canary}` }, /^UNAVAILABLE: .*no JSON/],
  'an object without tokens': [{ headers: json, body: '{}' }, /^UNAVAILABLE: .*no OpenID Connect/],
  'no object': [{ headers: json, body: '[]' }, /^UNAVAILABLE: .*no OpenID Connect/],
  'tokens of wrong types': [
    { headers: json, body: '{"access_token":1,"token_type":"bearer","id_token":{}}' },
    /^UNAVAILABLE: .*no OpenID Connect/,
  ],
  'more than it may': [
    { headers: json, body: JSON.stringify({ access_token: 'x'.repeat(1024 * 1024) }) },
    /^UNAVAILABLE: .*more than 1 MiB/,
  ],
};

describe('a token endpoint is asked once and refused for', () => {
  test.each(Object.entries(tokenReplies))('%s', async (_name, [reply, sentence]) => {
    await using endpoint = await openReceiver({ reply: () => reply });
    expect(await refusedWith('token_endpoint', endpoint.url)).toMatch(sentence);
    expect(endpoint.received).toHaveLength(1);
  });

  test('a closed connection, before and after a part of the answer', async () => {
    await using cut = await openPlaying({ write: 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{' }, 'end');
    await using shut = await openPlaying('close');
    for (const { url } of [cut, shut]) {
      expect(await refusedWith('token_endpoint', url)).toMatch(/^UNAVAILABLE: .*cannot be reached/);
    }
    expect([cut.received.length, shut.received.length]).toEqual([1, 1]);
  });

  test('nobody there', async () => {
    const gone = await openReceiver();
    await gone[Symbol.asyncDispose]();
    expect(await refusedWith('token_endpoint', gone.url)).toMatch(/^UNAVAILABLE: .*cannot be reached/);
  });

  test('plain http to another machine', async () => {
    expect(await refusedWith('token_endpoint', 'http://192.0.2.1/token')).toMatch(/^UNAVAILABLE: .*over plain http/);
  });

  test('silence, before and after a part of the answer, for 5 s', async () => {
    await using silent = await openPlaying();
    await using dripping = await openPlaying({ write: `${jsonHead}{` }, { drip: ' ', everyMs: 100 });
    const started = performance.now();
    const sentences = await Promise.all([silent, dripping].map(({ url }) => refusedWith('token_endpoint', url)));
    for (const sentence of sentences) expect(sentence).toMatch(/^UNAVAILABLE: .*did not answer within 5 s/);
    expect(performance.now() - started).toBeLessThan(10_000);
    // Nothing goes on behind it.
    await Promise.all([silent.allClosed(), dripping.allClosed()]);
  });

  test('an answer without end', async () => {
    await using endless = await openPlaying({ write: jsonHead }, { flood: ' ' });
    expect(await refusedWith('token_endpoint', endless.url)).toMatch(/^UNAVAILABLE: .*more than 1 MiB/);
    await endless.allClosed();
  });
});

const keyReplies: Record<string, [Answer, RegExp]> = {
  'with 500': [{ status: 500, body: canary }, /^UNAVAILABLE: .*answered HTTP 500/],
  'with a page': [{ headers: html, body: canary }, /^UNAVAILABLE: .*no JSON/],
  'without keys': [{ headers: json, body: '{}' }, /^UNAVAILABLE: .*no OpenID Connect/],
  'with a list of none': [{ headers: json, body: '{"keys":[]}' }, /^BAD_USER_INPUT: .*not valid/],
  'with what is no key': [
    { headers: json, body: '{"keys":[{"kty":"RSA","kid":"signing-key","alg":"RS256"}]}' },
    /^BAD_USER_INPUT: .*not valid/,
  ],
  'with operations that are no list': [
    { headers: json, body: '{"keys":[{"kty":"RSA","kid":"signing-key","key_ops":7}]}' },
    /^BAD_USER_INPUT: .*not valid/,
  ],
};

test.each(Object.entries(keyReplies))('keys that come %s let nobody in', async (_name, [reply, sentence]) => {
  await using endpoint = await openReceiver({ reply: () => reply });
  expect(await refusedWith('jwks_uri', endpoint.url)).toMatch(sentence);
});

describe('discovery', () => {
  function settingsOf(url: string) {
    const client = { clientId: 'client', clientSecret: 'canary-secret', scopes: ['openid'] };
    return { id: 'acme', protocol: 'openid' as const, issuer: new URL(url).origin, ...client };
  }

  function document(origin: string, more: object = {}): Answer {
    const metadata = { issuer: origin, authorization_endpoint: `${origin}/authorize`, ...more };
    return { headers: json, body: JSON.stringify(metadata) };
  }

  const failures: Record<string, [(origin: string) => Answer, RegExp]> = {
    'another issuer': [() => document('https://evil.example'), /names another issuer/],
    'its issuer with a slash more': [(origin) => document(origin, { issuer: `${origin}/` }), /names another issuer/],
    'no issuer': [() => ({ headers: json, body: '{}' }), /does not describe itself/],
    'an issuer that is no text': [(origin) => document(origin, { issuer: 7 }), /does not describe itself/],
    'no authorization endpoint': [
      (origin) => document(origin, { authorization_endpoint: undefined }),
      /does not describe itself/,
    ],
    'an authorization endpoint that is a script': [
      (origin) => document(origin, { authorization_endpoint: 'javascript:alert(1)' }),
      /does not describe itself/,
    ],
    'an error': [() => ({ status: 500, body: canary }), /answered HTTP 500/],
    'not found': [() => ({ status: 404, body: canary }), /does not describe itself/],
    'a redirect': [(origin) => ({ status: 302, headers: { location: `${origin}/elsewhere` } }), /answered HTTP 302/],
    'a page': [() => ({ headers: html, body: canary }), /no JSON/],
  };

  test.each(Object.entries(failures))('is refused for %s', async (_name, [reply, sentence]) => {
    await using issuer = await openReceiver({ reply: () => reply(new URL(issuer.url).origin) });
    const begun = beginSignIn();
    const attempt = openIdProvider(settingsOf(issuer.url)).authorizationUrl(begun);
    const refusal = await refusalOf(attempt, [canary, begun.state, begun.codeVerifier, 'canary-secret']);
    expect(refusal).toMatch(/^UNAVAILABLE: /);
    expect(refusal).toMatch(sentence);
    expect(issuer.received).toHaveLength(1);
  });

  test('that failed is tried again at the next sign-in', async () => {
    await using issuer = await openReceiver({
      reply: (_request, index) => (index === 0 ? { status: 503 } : document(new URL(issuer.url).origin)),
    });
    const provider = openIdProvider(settingsOf(issuer.url));
    expect(await refusalOf(provider.authorizationUrl(beginSignIn()), [])).toMatch(/^UNAVAILABLE: .*HTTP 503/);
    expect((await provider.authorizationUrl(beginSignIn())).pathname).toBe('/authorize');
  });

  test('that is never answered ends after 5 s, for all who wait', async () => {
    await using issuer = await openPlaying();
    const provider = openIdProvider(settingsOf(issuer.url));
    const waiting = [1, 2].map(() => refusalOf(provider.authorizationUrl(beginSignIn()), []));
    for (const refusal of await Promise.all(waiting)) expect(refusal).toMatch(/^UNAVAILABLE: .*within 5 s/);
    expect(issuer.received).toHaveLength(1);
  });

  test('is made at first use, shared by all who come at once, and kept for an hour', async () => {
    await using issuer = await openReceiver({
      reply: (_request, index) => {
        const origin = new URL(issuer.url).origin;
        return document(origin, { authorization_endpoint: `${origin}/authorize-${index}` });
      },
    });
    vi.useFakeTimers({ toFake: ['Date'] });
    const provider = openIdProvider(settingsOf(issuer.url));
    expect(issuer.received).toEqual([]);

    const urls = await Promise.all(Array.from({ length: 10 }, () => provider.authorizationUrl(beginSignIn())));
    expect(new Set(urls.map(({ pathname }) => pathname))).toEqual(new Set(['/authorize-0']));

    vi.advanceTimersByTime(3_599_000);
    expect((await provider.authorizationUrl(beginSignIn())).pathname).toBe('/authorize-0');
    vi.advanceTimersByTime(1_000);
    expect((await provider.authorizationUrl(beginSignIn())).pathname).toBe('/authorize-1');
    expect(issuer.received.map(({ path }) => path)).toEqual(Array(2).fill('/.well-known/openid-configuration'));
  });
});
