import { Events, type MutableResponse, type MutableToken } from 'oauth2-mock-server';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openIdProvider } from '../../../src/users/providers/openid.ts';
import { beginSignIn } from './begun-sign-in.ts';
import { type MockProvider, answerOfMock, openMockProvider } from './mock-provider.ts';

let mock: MockProvider;
beforeAll(async () => {
  mock = await openMockProvider();
});
afterAll(() => mock[Symbol.asyncDispose]());
afterEach(() => mock.server.service.removeAllListeners());

type Told = { scopes: string[]; idToken?: object; userInfo?: object; tokenAnswer?: object };

/** Who comes back, and how often the userinfo endpoint was asked. */
async function comes({ scopes, idToken = {}, userInfo = {}, tokenAnswer = {} }: Told) {
  let asked = 0;
  const { service } = mock.server;
  service.on(Events.BeforeTokenSigning, ({ payload }: MutableToken) => Object.assign(payload, idToken));
  service.on(Events.BeforeResponse, ({ body }: MutableResponse) => Object.assign(body as object, tokenAnswer));
  service.on(Events.BeforeUserinfo, (response: MutableResponse) => {
    asked += 1;
    Object.assign(response, { body: { sub: 'johndoe', ...userInfo } });
  });
  const provider = openIdProvider({ ...mock.settings, scopes });
  const begun = beginSignIn();
  const identity = await provider.identify(await answerOfMock(provider, begun), begun, 'shim');
  return { identity, asked };
}

const picture = 'https://example.com/j.png';
const profile = ['openid', 'profile'];

const missing: [string, Told, object][] = [
  ['a name', { scopes: profile, idToken: { picture }, userInfo: { name: 'John' } }, { displayName: 'John' }],
  ['a picture', { scopes: profile, idToken: { name: 'John' }, userInfo: { picture } }, { avatarUrl: picture }],
  [
    'an address, where the profile is there',
    {
      scopes: ['openid', 'email', 'profile'],
      idToken: { name: 'John', picture },
      userInfo: { email: 'j@example.com', name: 'Another' },
    },
    { email: 'j@example.com', displayName: 'John' },
  ],
  [
    'a name that is null',
    { scopes: profile, idToken: { name: null, picture }, userInfo: { name: 'John' } },
    { displayName: 'John' },
  ],
  [
    'an address that is empty',
    { scopes: ['openid', 'email'], idToken: { email: '' }, userInfo: { email: 'j@example.com' } },
    { email: 'j@example.com' },
  ],
  [
    'a name, where the ID token has a lesser one',
    { scopes: profile, idToken: { picture, preferred_username: 'jd' }, userInfo: { name: 'John' } },
    { displayName: 'John' },
  ],
];

test.each(missing)(
  'userinfo is asked, once, for what a scope promises and the ID token lacks: %s',
  async (_, told, who) => {
    const { identity, asked } = await comes(told);
    expect(identity).toMatchObject({ subject: 'johndoe', ...who });
    expect(asked).toBe(1);
  },
);

const enough: [string, Told][] = [
  ['all of the profile', { scopes: profile, idToken: { name: 'John', picture } }],
  [
    'the address and whether it is verified, all that is promised',
    { scopes: ['openid', 'email'], idToken: { email: 'j@example.com', email_verified: true } },
  ],
  ['nothing, and no scope promises anything', { scopes: ['openid'] }],
];

test.each(enough)('userinfo is not asked where the ID token has %s', async (_, told) => {
  expect((await comes({ ...told, userInfo: { name: 'Another' } })).asked).toBe(0);
});

const address = 'j@example.com';
const [isVerified, isNot] = [{ email_verified: true }, { email_verified: false }];

const verified: [string, object, object, string | null][] = [
  ['that it says is verified', { email: address, ...isVerified }, {}, address],
  ['that it says is verified, as text', { email: address, email_verified: 'true' }, {}, address],
  ['of which it says nothing', { email: address }, {}, address],
  ['of which it says nothing, with null', { email: address, email_verified: null }, {}, address],
  ['that userinfo has, of which nobody says anything', {}, { email: address }, address],
  ['that userinfo has and says is verified', {}, { email: address, ...isVerified }, address],
  ['that the ID token calls verified, whatever userinfo says', { email: address, ...isVerified }, isNot, address],
  ['of which userinfo says nothing but of another', { email: address }, { email: 'k@example.com', ...isNot }, address],
  ['that it says is not', { email: address, ...isNot }, {}, null],
  ['that it says is not, as text', { email: address, email_verified: 'false' }, {}, null],
  ['that it says is not, in other words', { email: address, email_verified: 0 }, {}, null],
  ['that it says is not, in many words', { email: address, email_verified: [true] }, {}, null],
  ['that userinfo has and says is not', {}, { email: address, ...isNot }, null],
  ['that userinfo has and says is not, as text', {}, { email: address, email_verified: 'false' }, null],
  ['that is not, where the ID token calls another one verified', isVerified, { email: address, ...isNot }, null],
  ['that userinfo has and the ID token says is not', isNot, { email: address }, null],
  ['of which userinfo says that it is not', { email: address }, isNot, null],
  ['of which userinfo says so by name', { email: address }, { email: ' J@Example.com', ...isNot }, null],
  [
    'that the ID token says is not, and userinfo is',
    { email: address, ...isNot },
    { email: address, ...isVerified },
    null,
  ],
];

test.each(verified)('an address %s is taken as it should be', async (_, idToken, userInfo, email) => {
  const { identity } = await comes({ scopes: ['openid', 'email'], idToken, userInfo });
  expect(identity).toMatchObject({ subject: 'johndoe', email });
});

const parts = { given_name: 'John', family_name: 'Doe', preferred_username: 'jd', nickname: 'Johnny' };
const without = (...names: (keyof typeof parts)[]) =>
  Object.fromEntries(Object.entries(parts).filter(([name]) => !names.includes(name as keyof typeof parts)));

test.each([
  ['the name', { name: 'J. D.', ...parts }, 'J. D.'],
  ['the given and the family name', parts, 'John Doe'],
  ['the family name alone', without('given_name'), 'Doe'],
  ['the user name', without('given_name', 'family_name'), 'jd'],
  ['the nickname', { ...without('given_name', 'family_name'), preferred_username: ' ' }, 'Johnny'],
  ['the next that is a text', { name: 7, ...parts, given_name: {}, family_name: [] }, 'jd'],
  ['nothing', {}, null],
])('a person is called by %s', async (_, userInfo, displayName) => {
  const { identity } = await comes({ scopes: profile, userInfo });
  expect(identity).toMatchObject({ displayName });
});

test.each([
  ['a token answer', { tokenAnswer: { refresh_token: null, scope: null, expires_in: null } }],
  ['userinfo', { userInfo: { email: null, picture: null } }],
])('null for an optional member is as if it were absent: of %s', async (_, told) => {
  const { identity } = await comes({ scopes: profile, ...told });
  expect(identity).toEqual({ provider: 'acme', subject: 'johndoe', email: null, displayName: null, avatarUrl: null });
});

test('null for optional metadata is as if it were absent, and for a token it is a missing one', async () => {
  const optional = {
    authorization_response_iss_parameter_supported: null,
    token_endpoint_auth_methods_supported: null,
  };
  mock.server.service.on(Events.BeforeWellKnownOpenIdConfiguration, ({ body }: MutableResponse) => {
    Object.assign(body as object, optional);
  });
  expect((await comes({ scopes: ['openid'] })).identity).toMatchObject({ subject: 'johndoe' });
  await expect(comes({ scopes: ['openid'], tokenAnswer: { access_token: null } })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});
