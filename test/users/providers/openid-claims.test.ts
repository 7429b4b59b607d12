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

const taken: [string, object, object][] = [
  ['the ID token calls it verified', { email: address, ...isVerified }, {}],
  ['the ID token calls it verified, as text', { email: address, email_verified: 'true' }, {}],
  ['the ID token calls it verified, whatever userinfo says', { email: address, ...isVerified }, isNot],
  ['userinfo has it and calls it verified', {}, { email: address, ...isVerified }],
  ['nobody says whether it is verified', { email: address }, {}],
  ['nobody says whether it is verified, with null', { email: address, email_verified: null }, {}],
  ['userinfo alone has it, and nobody says whether it is verified', {}, { email: address }],
  ['userinfo speaks of another one', { email: address }, { email: 'k@example.com', ...isNot }],
];

const leftOut: [string, object, object][] = [
  ['the ID token calls it unverified', { email: address, ...isNot }, {}],
  ['the ID token calls it unverified, as text', { email: address, email_verified: 'false' }, {}],
  ['the ID token calls it unverified, with a number', { email: address, email_verified: 0 }, {}],
  ['the ID token says nothing that can be understood', { email: address, email_verified: [true] }, {}],
  [
    'the ID token calls it unverified, and userinfo does not',
    { email: address, ...isNot },
    { email: address, ...isVerified },
  ],
  ['userinfo has it and calls it unverified', {}, { email: address, ...isNot }],
  ['userinfo has it and calls it unverified, as text', {}, { email: address, email_verified: 'false' }],
  ['userinfo has it and calls it unverified, whatever the ID token says', isVerified, { email: address, ...isNot }],
  ['userinfo has it, and the ID token calls it unverified', isNot, { email: address }],
  ['userinfo calls it unverified', { email: address }, isNot],
  ['userinfo calls it unverified by name', { email: address }, { email: ' J@Example.com', ...isNot }],
];

const addressOf = async (idToken: object, userInfo: object) =>
  (await comes({ scopes: ['openid', 'email'], idToken, userInfo })).identity.email;

test.each(taken)('an address is the user’s where %s', async (_, idToken, userInfo) => {
  expect(await addressOf(idToken, userInfo)).toBe(address);
});

test.each(leftOut)('an address is left out where %s', async (_, idToken, userInfo) => {
  expect(await addressOf(idToken, userInfo)).toBeNull();
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
