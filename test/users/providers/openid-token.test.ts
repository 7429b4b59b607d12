import { createHmac } from 'node:crypto';
import {
  Events,
  type MutableResponse,
  type MutableToken,
  OAuth2Issuer,
  type TokenRequestIncomingMessage,
} from 'oauth2-mock-server';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { BegunSignIn } from '../../../src/users/providers/provider.ts';
import { openIdProvider } from '../../../src/users/providers/openid.ts';
import { beginSignIn, refusalOf } from './begun-sign-in.ts';
import { type MockProvider, answerOfMock, keyId, openMockProvider } from './mock-provider.ts';

type Claims = MutableToken['payload'];
type UserInfoAnswer = { statusCode?: number; body: object };
type TokenAnswer = { id_token?: string; access_token?: string };

const dayS = 86_400;

let mock: MockProvider;
beforeAll(async () => {
  mock = await openMockProvider();
});
afterAll(() => mock[Symbol.asyncDispose]());
afterEach(() => {
  vi.useRealTimers();
  mock.server.service.removeAllListeners();
});

function nowS(): number {
  return Math.floor(Date.now() / 1000);
}

/** A sign-in whose ID token, or the answer around it, is changed. */
async function signIn({
  claims,
  answer,
}: {
  claims?: (payload: Claims) => void;
  answer?: (body: TokenAnswer, begun: BegunSignIn) => void;
}) {
  const provider = openIdProvider(mock.settings);
  const begun = beginSignIn();
  const answered = await answerOfMock(provider, begun);
  if (claims) mock.server.service.on(Events.BeforeTokenSigning, ({ payload }: MutableToken) => claims(payload));
  let idToken: string | null = null;
  mock.server.service.on(Events.BeforeResponse, (response: MutableResponse) => {
    const body = response.body as TokenAnswer;
    answer?.(body, begun);
    idToken = body.id_token ?? null;
  });
  return {
    identity: provider.identify(answered, begun, 'shim'),
    secrets: () => [begun.codeVerifier, begun.nonce, answered.get('code'), mock.settings.clientSecret, idToken],
  };
}

async function refused(change: Parameters<typeof signIn>[0]): Promise<string> {
  const { identity, secrets } = await signIn(change);
  // What it answered is known only afterwards.
  await identity.catch(() => null);
  return refusalOf(identity, secrets());
}

const accepted: Record<string, (payload: Claims) => void> = {
  'as it is made': () => {},
  'a subject of 255 characters': (p) => (p.sub = 's'.repeat(255)),
  'an audience that is a list of this client': (p) => (p.aud = ['client']),
  'two audiences and this client as the authorized party': (p) =>
    Object.assign(p, { aud: ['client', 'x'], azp: 'client' }),
  'this client as the authorized party of its only audience': (p) => Object.assign(p, { azp: 'client' }),
  'no authorized party, with null': (p) => Object.assign(p, { azp: null }),
  'a clock four minutes ahead': (p) => (p.iat = nowS() + 240),
  'expired half a minute ago': (p) => (p.exp = nowS() - 30),
};

test.each(Object.entries(accepted))('an ID token is accepted: %s', async (_name, claims) => {
  const { identity } = await signIn({ claims });
  expect(await identity).toMatchObject({ provider: 'acme', subject: expect.stringMatching(/^(johndoe|s{255})$/) });
});

const wrongClaims: Record<string, [(payload: Claims) => void, RegExp]> = {
  'another audience': [(p) => (p.aud = 'somebody-else'), /wrong aud/],
  'no audience': [(p) => delete p.aud, /not valid/],
  'a second audience without authorized party': [(p) => (p.aud = ['client', 'somebody-else']), /wrong aud/],
  'another authorized party': [(p) => Object.assign(p, { aud: ['client', 'x'], azp: 'x' }), /wrong azp/],
  'another authorized party for this audience alone': [(p) => Object.assign(p, { azp: 'x' }), /wrong azp/],
  'another authorized party for a list of this client': [
    (p) => Object.assign(p, { aud: ['client'], azp: 'x' }),
    /wrong azp/,
  ],
  'an authorized party that is this client in capitals': [(p) => Object.assign(p, { azp: 'CLIENT' }), /wrong azp/],
  'an authorized party that is empty': [(p) => Object.assign(p, { azp: '' }), /wrong azp/],
  'several authorized parties': [(p) => Object.assign(p, { azp: ['client'] }), /azp/],
  'another issuer': [(p) => (p.iss = 'https://evil.example'), /wrong iss/],
  'the issuer with a slash more': [(p) => (p.iss = `${mock.settings.issuer}/`), /wrong iss/],
  'no issuer': [(p) => Object.assign(p, { iss: undefined }), /not valid/],
  'expired yesterday': [(p) => (p.exp = nowS() - dayS), /wrong exp/],
  'expired two minutes ago': [(p) => (p.exp = nowS() - 120), /wrong exp/],
  'no expiry': [(p) => Object.assign(p, { exp: undefined }), /not valid/],
  'not valid before tomorrow': [(p) => (p.nbf = nowS() + dayS), /wrong nbf/],
  'issued tomorrow': [(p) => (p.iat = nowS() + dayS), /wrong iat/],
  'never issued': [(p) => Object.assign(p, { iat: undefined }), /not valid/],
  'an empty subject': [(p) => (p.sub = ''), /wrong sub/],
  'a subject of 256 characters': [(p) => (p.sub = 's'.repeat(256)), /wrong sub/],
  'a subject that cannot be stored': [(p) => (p.sub = 'a\u0000b'), /wrong sub/],
  'a subject that is a number': [(p) => Object.assign(p, { sub: 7 }), /not valid/],
  'no subject': [(p) => delete p.sub, /not valid/],
  'another nonce': [(p) => Object.assign(p, { nonce: 'x' }), /wrong nonce/],
  'no nonce': [(p) => Object.assign(p, { nonce: undefined }), /not valid/],
};

test.each(Object.entries(wrongClaims))('an ID token is refused: %s', async (_name, [claims, why]) => {
  const sentence = await refused({ claims });
  expect(sentence).toMatch(/^BAD_USER_INPUT: /);
  expect(sentence).toMatch(why);
});

describe('an ID token is refused whose signature is', () => {
  /** Right in every claim. */
  function claimsFor({ nonce }: BegunSignIn) {
    const { issuer: iss, clientId: aud } = mock.settings;
    return { iss, aud, nonce, sub: 'eve', iat: nowS(), exp: nowS() + 600 };
  }

  function unsigned(header: object, claims: object): string {
    return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  }

  const forged: Record<string, (token: string, begun: BegunSignIn) => string> = {
    none: (_token, begun) => `${unsigned({ alg: 'none' }, claimsFor(begun))}.`,
    'none, in capitals': (_token, begun) => `${unsigned({ alg: 'None' }, claimsFor(begun))}.`,
    'made with the client secret': (_token, begun) => {
      const text = unsigned({ alg: 'HS256', kid: keyId }, claimsFor(begun));
      return `${text}.${createHmac('sha256', mock.settings.clientSecret).update(text).digest('base64url')}`;
    },
    'that of other claims': (token, begun) =>
      `${unsigned({ alg: 'RS256', kid: keyId }, claimsFor(begun))}.${token.split('.')[2]}`,
    'cut off': (token) => token.slice(0, token.lastIndexOf('.') + 1),
    'no base64': (token) => `${token.slice(0, token.lastIndexOf('.'))}.!!!!`,
    gone: (token) => token.slice(0, token.lastIndexOf('.')),
    'encrypted away': (token) => `${token}.a.b`,
    'that of no token': () => 'no-token',
  };

  test.each(Object.entries(forged))('%s', async (_name, forge) => {
    // A provider that offers everything: what it says of itself is not what keeps a forger out.
    mock.server.service.on(Events.BeforeWellKnownOpenIdConfiguration, ({ body }: MutableResponse) => {
      Object.assign(body as object, { id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none', 'None'] });
    });
    const sentence = await refused({ answer: (body, begun) => (body.id_token = forge(body.id_token!, begun)) });
    expect(sentence).toMatch(/^BAD_USER_INPUT: .*ID token is not valid/);
  });

  test.each([
    ['made with another key of the same name', keyId],
    ['made with a key that the provider does not publish', 'another-key'],
  ])('%s', async (_name, kid) => {
    const forger = new OAuth2Issuer();
    forger.url = mock.settings.issuer;
    await forger.keys.generate('RS256', { kid });
    const provider = openIdProvider(mock.settings);
    const begun = beginSignIn();
    const answered = await answerOfMock(provider, begun);
    const forgery = await forger.buildToken({
      scopesOrTransform: (_header, payload) => Object.assign(payload, claimsFor(begun)),
    });
    mock.server.service.on(Events.BeforeResponse, ({ body }: MutableResponse) =>
      Object.assign(body as object, { id_token: forgery }),
    );
    const sentence = await refusalOf(provider.identify(answered, begun, 'shim'), [forgery, begun.nonce]);
    expect(sentence).toMatch(/^BAD_USER_INPUT: .*ID token is not valid/);
  });
});

test.each([
  { named: undefined, secretIn: 'header' },
  { named: ['client_secret_post', 'client_secret_basic'], secretIn: 'header' },
  { named: ['client_secret_post'], secretIn: 'form' },
])('a provider that supports $named gets the secret in the $secretIn, and only there', async ({ named, secretIn }) => {
  mock.server.service.on(Events.BeforeWellKnownOpenIdConfiguration, ({ body }: MutableResponse) => {
    Object.assign(body as object, { token_endpoint_auth_methods_supported: named });
  });
  const places: string[] = [];
  mock.server.service.on(Events.BeforeResponse, (_response: MutableResponse, request: TokenRequestIncomingMessage) => {
    if (request.headers.authorization?.startsWith('Basic ')) places.push('header');
    if ('client_secret' in request.body) places.push('form');
  });
  const { identity } = await signIn({});
  expect(await identity).toMatchObject({ subject: 'johndoe' });
  expect(places).toEqual([secretIn]);
});

test('without an ID token nobody has signed in', async () => {
  const sentence = await refused({ answer: (body) => delete body.id_token });
  expect(sentence).toMatch(/^UNAVAILABLE: .*no OpenID Connect/);
});

describe('userinfo', () => {
  function tells(answer: UserInfoAnswer): void {
    mock.server.service.on(Events.BeforeUserinfo, (response: MutableResponse) => Object.assign(response, answer));
  }

  test('adds what the ID token does not say', async () => {
    tells({ body: { sub: 'johndoe', email: 'jd@example.com', name: 'John' } });
    const { identity } = await signIn({});
    expect(await identity).toMatchObject({ email: 'jd@example.com', displayName: 'John' });
  });

  test('is not asked when the ID token has the address and says that it is verified', async () => {
    tells({ body: { sub: 'johndoe', email: 'other@example.com', name: 'John' } });
    const told = { email: 'signed@example.com', email_verified: true };
    const { identity } = await signIn({ claims: (p) => Object.assign(p, told) });
    expect(await identity).toMatchObject({ email: 'signed@example.com', displayName: null });
  });

  const useless: Record<string, UserInfoAnswer> = {
    'about somebody else': { body: { sub: 'eve', email: 'eve@example.com', name: 'Eve' } },
    failing: { statusCode: 500, body: { sub: 'johndoe', email: 'jd@example.com' } },
    'no object': { body: ['jd@example.com'] },
    'without subject': { body: { email: 'jd@example.com' } },
  };

  test.each(Object.entries(useless))('%s keeps nobody out and adds nothing', async (_name, answer) => {
    tells(answer);
    const { identity } = await signIn({});
    expect(await identity).toEqual({
      provider: 'acme',
      subject: 'johndoe',
      email: null,
      displayName: null,
      avatarUrl: null,
    });
  });
});

test('a new key of the provider is found once the old ones are a minute old', async () => {
  await using rotating = await openMockProvider();
  vi.useFakeTimers({ toFake: ['Date'] });
  const provider = openIdProvider(rotating.settings);
  const signedIn = async () => {
    const begun = beginSignIn();
    return provider.identify(await answerOfMock(provider, begun), begun, 'shim');
  };
  expect(await signedIn()).toMatchObject({ subject: 'johndoe' });

  await rotating.server.issuer.keys.generate('RS256', { kid: 'second-key' });
  const used: unknown[] = [];
  rotating.server.service.on(Events.BeforeTokenSigning, ({ header }: MutableToken) => used.push(header.kid));
  vi.advanceTimersByTime(61_000);
  expect(await signedIn()).toMatchObject({ subject: 'johndoe' });
  // The access token's, then the ID token's: the server takes its keys in turn.
  expect(used).toEqual([keyId, 'second-key']);
});
