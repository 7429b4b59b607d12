import { LockMode } from '@mikro-orm/postgresql';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { User } from '../../src/model/user.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, type Door, adminToken, endpoint, openDoor, post, signInAs } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
  door.endpoints.push(endpoint({ id: 'crm' }));
});
afterAll(async () => await door[Symbol.asyncDispose]());
afterEach(() => void vi.useRealTimers());

/** What each field said, in order: its answer, or the code of its error. */
async function fieldsOf(query: string, headers: Record<string, string>): Promise<unknown[]> {
  const { data, errors = [] } = await door.ask(query, {}, headers);
  const codes = new Map(errors.map(({ path, extensions }) => [path?.[0], extensions.code]));
  return Object.entries(data as object).map(([name, value]) => codes.get(name) ?? value);
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const cookie = (token: string) => ({ authorization: '', cookie: `tidings_session=${token}` });
const sessionOf = (token: string) => token.slice(0, 36);
const events = async (type: string) => await door.orm.em.fork().count(WebhookEvent, { type });

const rename = (alias: string) => `${alias}: updateProfile(input: { displayName: "${alias}" }) { displayName }`;

test.each([
  ['logout', () => 'logout'],
  ['deleteAccount', () => 'deleteAccount'],
  ['the end of their own session', (token: string) => `revokeSession(id: "${sessionOf(token)}")`],
])('after %s no later field of the same mutation is the user’s', async (_, endOf) => {
  for (const headers of [bearer, cookie]) {
    const { token } = await signInAs(door, 'USER');
    const query = `mutation { ${rename('one')} end: ${endOf(token)} ${rename('two')} again: logout gone: deleteAccount }`;
    const refused = Array.from({ length: 3 }, () => 'UNAUTHENTICATED');
    expect(await fieldsOf(query, headers(token))).toEqual([{ displayName: 'one' }, true, ...refused]);
  }
});

test.each([
  ['is demoted', (id: string) => `updateUser(id: "${id}", input: { role: USER }) { id }`, 'FORBIDDEN'],
  ['is deleted', (id: string) => `deleteUser(id: "${id}")`, 'UNAUTHENTICATED'],
  ['logs out', () => 'logout', 'UNAUTHENTICATED'],
  ['deletes the account', () => 'deleteAccount', 'UNAUTHENTICATED'],
])('an admin who %s does nothing more as one in the same mutation', async (_, end, code) => {
  const { id, token } = await signInAs(door, 'ADMIN');
  const other = await signInAs(door, 'USER');
  const created = await events('user.created');
  const query = `mutation {
    before: pauseWebhookEndpoint(id: "crm") { state }
    end: ${end(id)}
    made: createUser(input: { email: "late@example.com" }) { id }
    gone: deleteUser(id: "${other.id}")
    invited: startOAuth(provider: "x", userId: "${other.id}") { url }
    resumed: resumeWebhookEndpoint(id: "crm") { state }
    given: updateUser(id: "${id}", input: { role: ADMIN }) { id }
  }`;
  const [before, , ...later] = await fieldsOf(query, bearer(token));
  expect(before).toEqual({ state: 'PAUSED' });
  expect(later).toEqual(Array.from({ length: 5 }, () => code));
  expect(await events('user.created')).toBe(created);
  expect(await fieldsOf('mutation { resumeWebhookEndpoint(id: "crm") { state } }', {})).toEqual([{ state: 'ACTIVE' }]);
});

test('whoever becomes an admin within a mutation is one from the next field on, and the admin token always is', async () => {
  const { id } = await signInAs(door, 'USER');
  const { token } = await signInAs(door, 'ADMIN');
  const swap = (role: string) => `updateUser(id: "${id}", input: { role: ${role} }) { role }`;
  expect(await fieldsOf(`mutation { a: ${swap('ADMIN')} b: ${swap('USER')} }`, bearer(token))).toEqual([
    { role: 'ADMIN' },
    { role: 'USER' },
  ]);
  expect(await fieldsOf(`mutation { a: logout b: ${swap('ADMIN')} }`, bearer(adminToken))).toEqual([
    'UNAUTHENTICATED',
    { role: 'ADMIN' },
  ]);
});

test.each([
  ['session is ended', async (token: string) => await door.sessions.end(sessionOf(token))],
  [
    'sessions are ended by an admin',
    async (token: string) => await door.ask(`mutation { revokeSession(id: "${sessionOf(token)}") }`),
  ],
])('a mutation whose %s by another request while it runs goes no further', async (_, end) => {
  const { id, token } = await signInAs(door, 'USER');
  const running = door.orm.em.fork();
  let answer: Promise<unknown[]> | undefined;
  await running.transactional(async (em) => {
    // The first field waits for this lock.
    await em.findOneOrFail(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    answer = fieldsOf(`mutation { ${rename('one')} ${rename('two')} }`, bearer(token));
    await eventually(async () => {
      const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
      return (await door.orm.em.fork().execute(waiting)).length > 0;
    });
    await end(token);
  });
  expect(await answer).toEqual([{ displayName: 'one' }, 'UNAUTHENTICATED']);
});

test.each([
  ['a query', '{ me { id } users { totalCount } }', ['UNAUTHENTICATED', 'UNAUTHENTICATED']],
  [
    'a mutation',
    'mutation { updateProfile(input: {}) { id } createUser(input: { email: "a@b.c" }) { id } }',
    undefined,
  ],
])('of %s whose body takes its time, the session that ended meanwhile asks nothing', async (_, query, codes) => {
  const { token } = await signInAs(door, 'ADMIN');
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const writer = body.writable.getWriter();
  const text = Buffer.from(JSON.stringify({ query }));
  vi.useFakeTimers({ toFake: ['performance'] });
  const headers = { 'content-length': String(text.length), ...bearer(token) };
  const init = { ...post('', headers), body: body.readable, duplex: 'half' } as RequestInit;
  const answer = door.fetch('/graphql', init);
  await writer.write(text.subarray(0, 5));
  await door.sessions.end(sessionOf(token));
  vi.advanceTimersByTime(1_001);
  await writer.write(text.subarray(5));
  await writer.close();
  const { errors } = (await (await answer).json()) as Answer;
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(codes ?? ['UNAUTHENTICATED', 'UNAUTHENTICATED']);
});

test('a form whose body takes its time ends nothing for a session that ended meanwhile', async () => {
  const { token } = await signInAs(door, 'USER');
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const writer = body.writable.getWriter();
  const text = Buffer.from(`session=${sessionOf(token)}`);
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(text.length) };
  const init = { method: 'POST', headers: { ...headers, ...cookie(token) }, body: body.readable, duplex: 'half' };
  const answer = door.fetch('/account', init);
  await writer.write(text.subarray(0, 5));
  await door.sessions.end(sessionOf(token));
  await writer.write(text.subarray(5));
  await writer.close();
  expect((await answer).status).toBe(401);
});
