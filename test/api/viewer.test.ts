import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../src/model/session.ts';
import { createViewers } from '../../src/api/viewer.ts';
import { type Answer, type Door, adminToken, openDoor, post, publishToken, readToken, signInAs } from './door.ts';
import { sessionCookie } from './shim.ts';

const friend = 'https://app.example.com';
let door: Door;
beforeAll(async () => {
  door = await openDoor({
    publicUrl: 'https://tidings.example.com',
    allowedOrigins: [friend],
  });
});
afterAll(async () => await door[Symbol.asyncDispose]());

const me = '{ me { id role } }';
const asAdmin = { authorization: `Bearer ${adminToken}` };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
/** `post` would add the admin's. */
const cookie = (token: string) => ({ authorization: '', cookie: `a=b; ${sessionCookie}=${token}; c=d` });

async function codesOf(query: string, headers: Record<string, string>): Promise<string[]> {
  const { errors = [] } = await door.ask(query, {}, headers);
  return errors.map(({ extensions }) => extensions.code);
}

async function whoIs(headers: Record<string, string>): Promise<string | null> {
  const { data } = await door.ask(me, {}, headers);
  return data.me?.id ?? null;
}

test('me is the session’s user by header or cookie, and null for nobody and for the admin token', async () => {
  const { id, token } = await signInAs(door, 'USER');
  expect(await whoIs(bearer(token))).toBe(id);
  expect(await whoIs(cookie(token))).toBe(id);
  expect(await whoIs({ authorization: '' })).toBeNull();
  expect(await whoIs(asAdmin)).toBeNull();
});

test('a bearer token decides whatever the cookie says, and another scheme is ignored', async () => {
  const { id, token } = await signInAs(door, 'USER');
  expect(await codesOf(me, { ...cookie(token), authorization: 'Bearer nobodys' })).toEqual(['UNAUTHENTICATED']);
  expect(await whoIs({ ...cookie(token), ...asAdmin })).toBeNull();
  expect(await whoIs({ ...cookie(token), authorization: 'Basic dXNlcjpwYXNz' })).toBe(id);
  // What GraphiQL sends as long as nobody has filled it in.
  expect(await whoIs({ ...cookie(token), authorization: 'Bearer <admin token>' })).toBe(id);
});

test('of two session cookies none counts, in either order, and a bearer token still does', async () => {
  const [ours, theirs] = [await signInAs(door, 'USER'), await signInAs(door, 'ADMIN')];
  const both = (one: string, other: string) => ({
    authorization: '',
    cookie: `${sessionCookie}=${one}; ${sessionCookie}=${other}`,
  });
  expect(await whoIs(both(ours.token, theirs.token))).toBeNull();
  expect(await whoIs(both(theirs.token, ours.token))).toBeNull();
  expect(await whoIs(both(ours.token, ''))).toBeNull();
  expect(await whoIs({ ...both(theirs.token, ours.token), ...bearer(ours.token) })).toBe(ours.id);
  // One that a sibling domain or plain http can set is another cookie.
  expect(await whoIs({ authorization: '', cookie: `tidings_session=${theirs.token}` })).toBeNull();
  expect(
    await whoIs({ authorization: '', cookie: `tidings_session=${theirs.token}; ${sessionCookie}=${ours.token}` }),
  ).toBe(ours.id);
});

test.each([
  [undefined, true],
  ['https://tidings.example.com', true],
  [friend, true],
  ['https://evil.example.com', false],
  ['http://tidings.example.com', false],
  ['https://tidings.example.com.evil.example', false],
  ['https://tidings.example.com:8443', false],
  ['null', false],
  ['', false],
])('a cookie that comes with the origin %s counts: %s', async (origin, counts) => {
  const { id, token } = await signInAs(door, 'USER');
  const headers = { ...cookie(token), ...(origin === undefined ? {} : { origin }) };
  expect(await whoIs(headers)).toBe(counts ? id : null);
  const logout = await codesOf('mutation { updateProfile(input: {}) { id } }', headers);
  expect(logout).toEqual(counts ? [] : ['UNAUTHENTICATED']);
  // A page cannot make a browser send the header by itself.
  expect(await whoIs({ ...bearer(token), ...(origin === undefined ? {} : { origin }) })).toBe(id);
});

test('a session that has ended, has expired or never existed belongs to nobody', async () => {
  const { id, token } = await signInAs(door, 'USER');
  const [name, signature] = token.split('.') as [string, string];
  const other = await signInAs(door, 'USER');
  for (const wrong of [
    name,
    `${name}.`,
    `${name}.${signature.slice(0, -1)}`,
    `${token}=`,
    token.toUpperCase(),
    `${other.token.split('.')[0]}.${signature}`,
    `${randomUUIDv7()}.${signature}`,
    `.${signature}`,
  ]) {
    expect([wrong, await codesOf(me, bearer(wrong))]).toEqual([wrong, ['UNAUTHENTICATED']]);
    expect([wrong, await whoIs(cookie(wrong))]).toEqual([wrong, null]);
  }
  expect(await whoIs(bearer(token))).toBe(id);
  await door.orm.em.fork().nativeUpdate(Session, { id: name }, { expiresAt: new Date() });
  expect(await codesOf(me, bearer(token))).toEqual(['UNAUTHENTICATED']);
  expect(await whoIs(cookie(token))).toBeNull();
});

test.each([
  me,
  '{ __typename }',
  '{ __schema { queryType { name } } }',
  '{ __typename me { id } users { totalCount } }',
  'mutation { __typename }',
  'mutation { startOAuth(provider: "x") { url } }',
])('an unknown bearer token is UNAUTHENTICATED, whatever is asked: %s', async (query) => {
  const codes = await codesOf(query, bearer('nobodys'));
  expect(new Set(codes)).toEqual(new Set(['UNAUTHENTICATED']));
  expect(await codesOf(query, { authorization: '' })).not.toEqual(codes);
});

test('a role is read for each request: a change of it holds for sessions that are open', async () => {
  const { id, token } = await signInAs(door, 'USER');
  const admins = '{ users { totalCount } }';
  const give = (role: string) => door.ask(`mutation { updateUser(id: "${id}", input: { role: ${role} }) { id } }`);
  expect(await codesOf(admins, bearer(token))).toEqual(['FORBIDDEN']);
  await give('ADMIN');
  expect(await codesOf(admins, bearer(token))).toEqual([]);
  await give('USER');
  expect(await codesOf(admins, bearer(token))).toEqual(['FORBIDDEN']);
});

test('a request looks for its session once, however many fields need it', async () => {
  let searched = 0;
  const { asking } = createViewers({
    tokens: { adminToken, readToken: null, publishToken: null },
    sessions: { find: () => Promise.resolve({ kind: 'unknown', searched: (searched += 1) }) },
    cookies: { sessionToken: () => undefined },
    publicUrl: () => 'https://tidings.example.com',
    allowedOrigins: [],
  });
  const request = () => new Request('https://tidings.example.com/', { headers: bearer('x') });
  const one = request();
  await Promise.all([asking(one), asking(one), asking(request())]);
  expect(searched).toBe(2);
});

test('the service’s own tokens are known without a look for a session, and count as no guess; one that is not set is nobody’s', async () => {
  let searched = 0;
  const viewersOf = (set: string | null) =>
    createViewers({
      tokens: { adminToken, readToken, publishToken: set },
      sessions: { find: () => Promise.resolve({ kind: 'unknown', searched: (searched += 1) }) },
      cookies: { sessionToken: () => undefined },
      publicUrl: () => 'https://tidings.example.com',
      allowedOrigins: [],
    });
  const asked = async (token: string, set: string | null = publishToken) => {
    const request = new Request('https://tidings.example.com/', { headers: bearer(token) });
    const { viewer, guessed, unknownToken } = await viewersOf(set).asking(request);
    return [viewer?.kind, guessed, unknownToken];
  };
  expect(await asked(adminToken)).toEqual(['admin', false, false]);
  expect(await asked(readToken)).toEqual(['reader', false, false]);
  expect(await asked(publishToken)).toEqual(['publisher', false, false]);
  expect(searched).toBe(0);
  for (const [token, set] of [
    [`${readToken}x`, publishToken],
    [publishToken, null],
    ['null', null],
  ] as const) {
    expect(await asked(token, set)).toEqual([undefined, true, true]);
  }
});

test('while the database is away the viewer is unknown: UNAVAILABLE, and only for fields that need it', async () => {
  const nobody = createServer().listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address() as { port: number };
  nobody.close();
  const { token } = await signInAs(door, 'ADMIN');
  await using away = await openDoor({ url: `postgres://postgres@127.0.0.1:${port}/gone` });
  for (const query of ['{ me { id } }', '{ webhookEndpoints { id } }', 'mutation { logout }']) {
    const response = await away.fetch('/graphql', post({ query }, bearer(token)));
    expect(response.status).toBe(200);
    const { errors } = (await response.json()) as Answer;
    expect([query, errors?.map(({ extensions }) => extensions.code)]).toEqual([query, ['UNAVAILABLE']]);
  }
  expect(await away.ask('{ __typename }', {}, bearer(token))).toEqual({ data: { __typename: 'Query' } });
  expect(await (await away.fetch('/account', { headers: { cookie: `tidings_session=${token}` } })).text()).toContain(
    'cannot be known',
  );
});
