import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { BegunSignIn } from '../../../src/users/providers/provider.ts';
import { githubProvider } from '../../../src/users/providers/github.ts';
import { type GitHubEndpoint, type GitHubStandIn, openGitHub } from '../../support/github-stand-in.ts';
import { openScriptedReceiver } from '../../support/receiver/receiver.ts';
import type { Answer } from '../../support/receiver/reply.ts';
import { answerTo, beginSignIn, redirectUri, refusalOf } from './begun-sign-in.ts';

const octocat = {
  id: 583231,
  login: 'octocat',
  name: 'The Octocat',
  avatar_url: 'https://example.com/u/583231',
  email: 'public@example.com',
  emails: [
    { email: 'old@example.com', primary: false, verified: true },
    { email: 'octocat@example.com', primary: true, verified: true },
  ],
};

let github: GitHubStandIn;
beforeAll(async () => {
  github = await openGitHub({ people: [octocat] });
});
afterAll(() => github[Symbol.asyncDispose]());
afterEach(() => {
  github.misbehave = {};
  github.requests.length = 0;
});

function providerWith({
  scopes = ['read:user', 'user:email'],
  url = github.url,
  clientSecret = github.clientSecret,
} = {}) {
  return githubProvider({ id: 'github', protocol: 'github', url, clientId: github.clientId, clientSecret, scopes });
}

async function signedIn(login = 'octocat', provider = providerWith()) {
  const begun = beginSignIn();
  return provider.identify(await answerTo(provider, begun, login), begun, 'shim');
}

function address(email: string, ...is: ('primary' | 'verified')[]) {
  return { email, primary: is.includes('primary'), verified: is.includes('verified') };
}

test('null for an optional member of the token answer is as if it were absent', async () => {
  const more = { error: null, error_description: null, refresh_token: null, scope: null, expires_in: null };
  github.misbehave = { token: { body: JSON.stringify({ access_token: 'x', token_type: 'bearer', ...more }) } };
  const begun = beginSignIn();
  const provider = providerWith();
  const attempt = provider.identify(await answerTo(provider, begun, 'octocat'), begun, 'shim');
  // The token is taken, and then unknown to the rest of the stand-in.
  expect(await refusalOf(attempt, [])).toMatch(/answered HTTP 401/);
  expect(github.requests).toEqual(['token', 'user']);
});

describe('who signs in', () => {
  test('is known by a number, with the address that is primary and verified', async () => {
    expect(await signedIn()).toEqual({
      provider: 'github',
      subject: '583231',
      email: 'octocat@example.com',
      displayName: 'The Octocat',
      avatarUrl: 'https://example.com/u/583231',
    });
    expect(github.requests).toEqual(['token', 'user', 'emails']);
  });

  test('has the address of their page where the scope opens no other', async () => {
    expect(await signedIn('octocat', providerWith({ scopes: ['read:user'] }))).toMatchObject({
      email: 'public@example.com',
    });
    expect(github.requests).toEqual(['token', 'user']);
  });

  test.each([
    ['the primary one is not', [address('p@example.com', 'primary'), address('v@example.com', 'verified')]],
    ['there is no primary one', [address('u@example.com'), address('v@example.com', 'verified')]],
    ['the primary one is none', [address('no address', 'primary', 'verified'), address('v@example.com', 'verified')]],
  ])('has any address that is verified where %s', async (_, emails) => {
    github.define({ id: 5, login: 'second', email: 'page@example.com', emails });
    expect(await signedIn('second')).toMatchObject({ email: 'v@example.com' });
  });

  test.each([
    ['the primary one', [address('page@example.com', 'primary')]],
    ['any, though the page shows one', [address('a@example.com', 'primary'), address('page@example.com')]],
    ['one in so many words', [{ ...address('page@example.com', 'primary'), verified: 'true' as never }]],
    ['one at all', []],
  ])('has no address where GitHub does not call verified %s', async (_, emails) => {
    github.define({ id: 2, login: 'unverified', email: 'page@example.com', emails });
    expect(await signedIn('unverified')).toMatchObject({ subject: '2', email: null });
  });

  test('has no address when they share none, and their login for a name', async () => {
    github.define({ id: 3, login: 'quiet', name: null, email: null, emails: [] });
    const nobody = { provider: 'github', subject: '3', email: null, displayName: 'quiet', avatarUrl: null };
    expect(await signedIn('quiet')).toEqual(nobody);
  });

  test('may have withheld their addresses', async () => {
    github.misbehave = { emails: { status: 403, body: '{"message":"Resource not accessible"}' } };
    expect(await signedIn()).toMatchObject({ subject: '583231', email: 'public@example.com' });
  });

  test('leaves out what no user may have', async () => {
    const emails = [null, 7, { email: 'no address', primary: true, verified: true }] as never;
    github.define({
      id: 4,
      login: 'odd',
      name: 'x'.repeat(300),
      avatar_url: 'ftp://example.com',
      email: '\u0000',
      emails,
    });
    const left = { email: null, displayName: 'x'.repeat(200), avatarUrl: null };
    expect(await signedIn('odd')).toMatchObject(left);
  });
});

test('the request carries state and an S256 challenge, and no secret', async () => {
  const begun = beginSignIn();
  const url = await providerWith().authorizationUrl(begun);
  expect(`${url.origin}${url.pathname}`).toBe(`${github.url}/login/oauth/authorize`);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    response_type: 'code',
    client_id: github.clientId,
    redirect_uri: redirectUri,
    scope: 'read:user user:email',
    state: begun.state,
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
  });
  expect(url.href).not.toContain(begun.codeVerifier);
});

type Abuse = {
  name: string;
  answer?: (answer: URLSearchParams) => void;
  begun?: Partial<BegunSignIn>;
  refusal: RegExp;
};

const beforeTheToken: Abuse[] = [
  { name: 'a wrong state', answer: (a) => a.set('state', 'x'), refusal: /^BAD_USER_INPUT: .*state is not that/ },
  { name: 'no code', answer: (a) => a.delete('code'), refusal: /^BAD_USER_INPUT: .*code is missing/ },
  {
    name: 'another issuer',
    answer: (a) => a.set('iss', 'https://evil.example'),
    refusal: /^BAD_USER_INPUT: .*another issuer/,
  },
  {
    name: 'an issuer that is no address',
    answer: (a) => a.set('iss', 'x'),
    refusal: /^BAD_USER_INPUT: .*another issuer/,
  },
];
const atTheToken: Abuse[] = [
  {
    name: 'a wrong code',
    answer: (a) => a.set('code', 'wrong-code'),
    refusal: /^BAD_USER_INPUT: .*\(bad_verification_code\)/,
  },
  {
    name: 'a wrong verifier',
    begun: { codeVerifier: 'v'.repeat(43) },
    refusal: /^BAD_USER_INPUT: .*\(bad_verification_code\)/,
  },
  {
    name: 'another redirect URI',
    begun: { redirectUri: 'http://127.0.0.1:9/other' },
    refusal: /^UNAVAILABLE: .*\(redirect_uri_mismatch\); check/,
  },
];

describe('is refused', () => {
  test.each([...beforeTheToken, ...atTheToken])('$name', async ({ name, answer: change, begun: forged, refusal }) => {
    const begun = beginSignIn();
    const provider = providerWith();
    const answer = await answerTo(provider, begun, 'octocat');
    change?.(answer);
    const secrets = [begun.codeVerifier, begun.state, answer.get('code'), github.clientSecret];
    expect(await refusalOf(provider.identify(answer, { ...begun, ...forged }, 'shim'), secrets)).toMatch(refusal);
    expect(github.requests).toEqual(beforeTheToken.some((abuse) => abuse.name === name) ? [] : ['token']);
  });

  test('a code used twice', async () => {
    const begun = beginSignIn();
    const provider = providerWith();
    const answer = await answerTo(provider, begun, 'octocat');
    await provider.identify(answer, begun, 'shim');
    expect(await refusalOf(provider.identify(answer, begun, 'shim'), [answer.get('code')])).toMatch(
      /^BAD_USER_INPUT: .*\(bad_verification_code\)/,
    );
  });

  test('a client that GitHub does not know, as the operator’s matter', async () => {
    const refusal = await refusalOf(signedIn('octocat', providerWith({ clientSecret: 'canary-secret' })), [
      'canary-secret',
    ]);
    expect(refusal).toMatch(/^UNAVAILABLE: .*\(incorrect_client_credentials\); check its client_id/);
  });
});

const canary = 'github-canary';
const everywhere: Record<string, [Answer | 'hang', RegExp]> = {
  'a page': [{ headers: { 'content-type': 'text/html' }, body: `<h1>${canary}` }, /no JSON/],
  '500': [{ status: 500, body: canary }, /HTTP 500/],
  '502 with JSON': [{ status: 502, body: `{"message":"${canary}"}` }, /HTTP 502/],
  'a redirect': [{ status: 302, headers: { location: '/elsewhere' } }, /HTTP 302/],
  'too much': [{ body: JSON.stringify([canary, ' '.repeat(1024 * 1024)]) }, /more than 1 MiB/],
  never: ['hang', /did not answer within 5 s/],
  'text where a structure belongs': [{ body: `"${canary}"` }, /UNAVAILABLE/],
};
const anObject: [Answer, RegExp] = [{ body: '{}' }, /UNAVAILABLE/];
const faults: [GitHubEndpoint, string, [Answer | 'hang', RegExp]][] = [
  ...(['token', 'user', 'emails'] as const).flatMap((endpoint) =>
    Object.entries(everywhere).map(([name, fault]): (typeof faults)[number] => [endpoint, name, fault]),
  ),
  ['token', 'an object without token', anObject],
  [
    'token',
    'a token of another type',
    [{ body: `{"access_token":"${canary}","token_type":"mac"}` }, /no access token/],
  ],
  ['token', 'a token that is no text', [{ body: '{"access_token":7,"token_type":"bearer"}' }, /no access token/]],
  ['token', 'an error that is no code', [{ body: `{"error":"${canary} !"}` }, /of this service; check/]],
  ['token', '404', [{ status: 404, body: '{"message":"Not Found"}' }, /no access token/]],
  ['user', 'an object without id', anObject],
  ['user', 'an id that is text', [{ body: '{"id":"1","login":"x"}' }, /who signed in/]],
  ['user', 'an id of 0', [{ body: '{"id":0}' }, /who signed in/]],
  ['user', 'an id beyond what a number holds', [{ body: '{"id":9007199254740993}' }, /who signed in/]],
  ['user', 'an id with a fraction', [{ body: '{"id":1.5}' }, /who signed in/]],
  ['user', 'a token it does not know', [{ status: 401, body: '{"message":"Bad credentials"}' }, /HTTP 401/]],
  ['emails', 'an object', anObject],
];

// Together, since some of them take the whole of their time.
describe('UNAVAILABLE is the answer when GitHub', () => {
  test.concurrent.each(faults)('answers at its endpoint %s: %s', async (endpoint, _name, [fault, sentence]) => {
    await using own = await openGitHub({ people: [octocat] });
    own.misbehave[endpoint] = fault;
    const { url, clientId, clientSecret } = own;
    const provider = githubProvider({
      id: 'github',
      protocol: 'github',
      url,
      clientId,
      clientSecret,
      scopes: ['user:email'],
    });
    const begun = beginSignIn();
    const answer = await answerTo(provider, begun, 'octocat');
    const secrets = [canary, begun.codeVerifier, begun.state, answer.get('code'), clientSecret];
    const refusal = await refusalOf(provider.identify(answer, begun, 'shim'), secrets);
    expect(refusal).toMatch(/^UNAVAILABLE: /);
    expect(refusal).toMatch(sentence);
    expect(own.requests.filter((asked) => asked === endpoint)).toHaveLength(1);
  });

  test('closes its connections', async () => {
    await using closing = await openScriptedReceiver({
      script: { when: 'request', everywhere: true, steps: ['close'] },
    });
    const provider = providerWith({ url: new URL(closing.url).origin });
    const begun = beginSignIn();
    const answer = new URLSearchParams({ code: 'canary-code', state: begun.state });
    const refusal = await refusalOf(provider.identify(answer, begun, 'program'), ['canary-code', begun.codeVerifier]);
    expect(refusal).toMatch(/^UNAVAILABLE: .*cannot be reached/);
    expect(closing.received).toHaveLength(1);
  });
});
