import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BegunSignIn, Provider } from '../../../src/users/providers/provider.ts';
import { openIdProvider } from '../../../src/users/providers/openid.ts';
import { type OpenIdProvider, openOpenIdProvider } from '../../../src/demo/openid-provider.ts';
import { answerTo, beginSignIn, redirectUri, refusalOf } from './begun-sign-in.ts';

const ada = {
  sub: 'ada',
  email: 'ada@example.com',
  email_verified: true,
  name: 'Ada Lovelace',
  picture: 'https://example.com/ada.png',
};

let server: OpenIdProvider;
let other: OpenIdProvider;
beforeAll(async () => {
  server = await openOpenIdProvider({ accounts: [ada], redirectUris: [redirectUri] });
  other = await openOpenIdProvider({
    accounts: [ada],
    redirectUris: [redirectUri],
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

function settingsOf({ issuer, clientId, clientSecret }: OpenIdProvider, scopes = ['openid', 'email', 'profile']) {
  return { id: 'acme', protocol: 'openid' as const, issuer, clientId, clientSecret, scopes };
}

/** What must be in no message. */
function secretsOf(begun: BegunSignIn, answer: URLSearchParams) {
  return [begun.state, begun.nonce, begun.codeVerifier, answer.get('code'), server.clientSecret, other.clientSecret];
}

async function signedIn(provider: Provider, login = 'ada') {
  const begun = beginSignIn();
  return provider.identify(await answerTo(provider, begun, login), begun, 'shim');
}

describe('with a real provider', () => {
  test('who signs in is who comes back, with what the userinfo endpoint adds', async () => {
    expect(await signedIn(openIdProvider(settingsOf(server)))).toEqual({
      provider: 'acme',
      subject: 'ada',
      email: 'ada@example.com',
      displayName: 'Ada Lovelace',
      avatarUrl: 'https://example.com/ada.png',
    });
  });

  test('without the scope for an address the name and the picture are asked for', async () => {
    const before = server.requests.length;
    const identity = await signedIn(openIdProvider(settingsOf(server, ['openid', 'profile'])));
    expect(identity).toMatchObject({ email: null, displayName: 'Ada Lovelace', avatarUrl: ada.picture });
    expect(server.requests.slice(before).filter((path) => path === '/me')).toHaveLength(1);
  });

  test('without the scope for it nobody asks for an address', async () => {
    const before = server.requests.length;
    const identity = await signedIn(openIdProvider(settingsOf(server, ['openid'])));
    expect(identity).toEqual({ provider: 'acme', subject: 'ada', email: null, displayName: null, avatarUrl: null });
    expect(server.requests.slice(before)).not.toContain('/me');
  });

  test('what no user may have is left out', async () => {
    server.define({
      sub: 'odd',
      email: 'no address',
      name: `${'x'.repeat(199)}\u{1f600}`,
      picture: 'javascript:alert(1)',
    });
    expect(await signedIn(openIdProvider(settingsOf(server)), 'odd')).toEqual({
      provider: 'acme',
      subject: 'odd',
      email: null,
      displayName: 'x'.repeat(199),
      avatarUrl: null,
    });
  });

  test('the request carries state, nonce and an S256 challenge, and no secret', async () => {
    const begun = beginSignIn();
    const url = await openIdProvider(settingsOf(server)).authorizationUrl(begun);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: server.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid email profile',
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(url.href).not.toContain(begun.codeVerifier);
    expect(url.href).not.toContain(server.clientSecret);
  });
});

type Abuse = {
  name: string;
  /** Changes what came back. */
  answer?: (answer: URLSearchParams) => void;
  /** Changes what is remembered of the beginning. */
  begun?: Partial<BegunSignIn>;
  entrance?: 'shim' | 'program';
  refusal: RegExp;
  /** Whether the code may reach the token endpoint. */
  asked?: boolean;
};

const abuse: Abuse[] = [
  { name: 'a wrong state', answer: (a) => a.set('state', 'x'), refusal: /state is not that/ },
  { name: 'a missing state', answer: (a) => a.delete('state'), refusal: /state is not that/ },
  { name: 'a missing code', answer: (a) => a.delete('code'), refusal: /code is missing/ },
  { name: 'an empty code', answer: (a) => a.set('code', ''), refusal: /code is missing/ },
  { name: 'a wrong issuer', answer: (a) => a.set('iss', 'https://evil.example'), refusal: /another issuer/ },
  { name: 'an empty issuer', answer: (a) => a.set('iss', ''), refusal: /another issuer/ },
  { name: 'no issuer through the shim', answer: (a) => a.delete('iss'), refusal: /which issuer/ },
  {
    name: 'a wrong issuer through the program entrance',
    entrance: 'program',
    answer: (a) => a.set('iss', 'https://evil.example'),
    refusal: /another issuer/,
  },
  {
    name: 'a wrong code',
    answer: (a) => a.set('code', 'no-such-code'),
    refusal: /refused the code \(invalid_grant\)/,
    asked: true,
  },
  { name: 'a wrong verifier', begun: { codeVerifier: 'v'.repeat(43) }, refusal: /\(invalid_grant\)/, asked: true },
  { name: 'a wrong nonce', begun: { nonce: 'n'.repeat(43) }, refusal: /wrong nonce/, asked: true },
  {
    name: 'another redirect URI',
    begun: { redirectUri: 'http://127.0.0.1:9/oauth/other/callback' },
    refusal: /\(invalid_grant\)/,
    asked: true,
  },
];

describe('is refused', () => {
  test.each(abuse)('$name', async ({ answer: change, begun: forged, entrance = 'shim', refusal, asked = false }) => {
    const provider = openIdProvider(settingsOf(server));
    const begun = beginSignIn();
    const answer = await answerTo(provider, begun, 'ada');
    change?.(answer);
    const before = server.requests.length;
    const attempt = provider.identify(answer, { ...begun, ...forged }, entrance);
    const sentence = await refusalOf(attempt, secretsOf(begun, answer));
    expect(sentence).toMatch(/^BAD_USER_INPUT: /);
    expect(sentence).toMatch(refusal);
    expect(server.requests.slice(before).filter((path) => path === '/token')).toHaveLength(asked ? 1 : 0);
  });

  test('a code used twice', async () => {
    const provider = openIdProvider(settingsOf(server));
    const begun = beginSignIn();
    const answer = await answerTo(provider, begun, 'ada');
    await provider.identify(answer, begun, 'shim');
    const again = await refusalOf(provider.identify(answer, begun, 'shim'), secretsOf(begun, answer));
    expect(again).toMatch(/^BAD_USER_INPUT: .*\(invalid_grant\)/);
  });

  test('a sign-in that was declined, with the code of the error and nothing else of it', async () => {
    const begun = beginSignIn();
    const denied = new URLSearchParams({ error: 'access_denied', error_description: 'Canary', state: begun.state });
    const sentence = await refusalOf(openIdProvider(settingsOf(server)).identify(denied, begun, 'shim'), ['Canary']);
    expect(sentence).toMatch(/^BAD_USER_INPUT: .*\(access_denied\)/);
  });

  test('the answer of one provider brought to another', async () => {
    const [here, there] = [openIdProvider(settingsOf(server)), openIdProvider(settingsOf(other))];
    const [begunHere, begunThere] = [beginSignIn(), beginSignIn()];
    const fromHere = await answerTo(here, begunHere, 'ada');
    const fromThere = await answerTo(there, begunThere, 'ada');
    const tokensBefore = [server, other].map(({ requests }) => requests.filter((path) => path === '/token').length);

    const swapped = await Promise.all([
      refusalOf(here.identify(fromThere, begunHere, 'shim'), secretsOf(begunHere, fromThere)),
      refusalOf(there.identify(fromHere, begunThere, 'shim'), secretsOf(begunThere, fromHere)),
    ]);
    for (const sentence of swapped) expect(sentence).toMatch(/^BAD_USER_INPUT: .*state is not that/);

    // An attacker who knows the state of the sign-in that was begun here.
    fromThere.set('state', begunHere.state);
    const mixedUp = await refusalOf(here.identify(fromThere, begunHere, 'shim'), secretsOf(begunHere, fromThere));
    expect(mixedUp).toMatch(/^BAD_USER_INPUT: .*another issuer/);
    const tokensAfter = [server, other].map(({ requests }) => requests.filter((path) => path === '/token').length);
    expect(tokensAfter).toEqual(tokensBefore);
  });
});

test('a program that was given only code and state is let in, by this provider alone', async () => {
  const provider = openIdProvider(settingsOf(server));
  const begun = beginSignIn();
  const full = await answerTo(provider, begun, 'ada');
  const handedOn = new URLSearchParams({ code: full.get('code')!, state: begun.state });
  expect(await provider.identify(handedOn, begun, 'program')).toMatchObject({ subject: 'ada' });

  const foreign = await answerTo(openIdProvider(settingsOf(other)), begun, 'ada');
  const brought = new URLSearchParams({ code: foreign.get('code')!, state: begun.state });
  expect(await refusalOf(provider.identify(brought, begun, 'program'), secretsOf(begun, brought))).toMatch(
    /^BAD_USER_INPUT: .*\(invalid_grant\)/,
  );
});

test.each(['state', 'nonce', 'codeVerifier'] as const)(
  'an empty %s is a bug and switches no check off',
  async (field) => {
    const provider = openIdProvider(settingsOf(server));
    const begun = { ...beginSignIn(), [field]: '' };
    const answer = new URLSearchParams({ code: randomUUID(), state: begun.state, iss: server.issuer });
    await expect(provider.identify(answer, begun, 'shim')).rejects.toThrow('cannot be finished');
  },
);
