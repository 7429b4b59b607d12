// A session is what its token says only while its row is there, and nobody but us makes a token.

import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { createSessions } from '../../src/users/sessions.ts';
import { deleteUser, updateUser } from '../../src/users/lifecycle.ts';
import { openSignInWorld, secret, sessionTtlMs, type SignInWorld } from './sign-in-world.ts';

let world: SignInWorld;
beforeAll(async () => (world = await openSignInWorld()));
afterAll(() => world[Symbol.asyncDispose]());

const come = async (subject = 'ada') => (await world.come('google', subject)).session;

test('a token is the session’s id and its HMAC-SHA256 under the secret, and finds user and expiry', async () => {
  const { token, expiresAt, user } = await come();
  const [id = '', signature] = token.split('.');
  expect(signature).toBe(createHmac('sha256', secret).update(id).digest('base64url'));
  const { updatedAt } = await updateUser(world.transactions, user.id, { role: 'ADMIN' });
  const found = await world.sessions.find(token);
  expect(found).toEqual({
    kind: 'signed-in',
    sessionId: id,
    expiresAt,
    user: expect.objectContaining({ id: user.id, role: 'ADMIN', updatedAt }),
  });
  await updateUser(world.transactions, user.id, { role: 'USER' });
});

test('a session that expired, was ended or went with its user is ended, and no other one with it', async () => {
  const [expired, ended, other] = [await come(), await come(), await come()];
  await world.orm.em
    .fork()
    .execute('update sessions set expires_at = clock_timestamp() where id = ?', [expired.token.slice(0, 36)]);
  await world.signIn.logout(ended.token.slice(0, 36));
  await world.signIn.logout(ended.token.slice(0, 36));
  expect(await world.sessions.find(expired.token)).toEqual({ kind: 'ended' });
  expect(await world.sessions.find(ended.token)).toEqual({ kind: 'ended' });
  expect(await world.sessions.find(other.token)).toMatchObject({ kind: 'signed-in' });

  const [leaving, alsoLeaving] = [await come('leaving'), await come('leaving')];
  await deleteUser(world.transactions, leaving.user.id);
  for (const { token } of [leaving, alsoLeaving]) expect(await world.sessions.find(token)).toEqual({ kind: 'ended' });
  expect(await world.sessions.find(other.token)).toMatchObject({ kind: 'signed-in' });
});

/** Sessions on a database that is away: whoever asks it is told so. */
async function withoutDatabase<T>(work: (sessions: ReturnType<typeof createSessions>) => Promise<T>): Promise<T> {
  const orm = openOrm({ url: 'postgres://nobody@127.0.0.1:1/nothing', connections: 1, name: 'sessions-test' });
  try {
    return await work(createSessions({ orm, secret, ttlMs: sessionTtlMs }));
  } finally {
    await orm.close(true);
  }
}

test('a forged or altered token is unknown before the database is asked', async () => {
  const { token } = await come();
  const id = token.slice(0, 36);
  const altered = Array.from({ length: token.length }, (_, at) =>
    // Another last character can spell the same bytes: each is tried.
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.'
      .split('')
      .slice(0, at === token.length - 1 ? undefined : 3)
      .filter((character) => character !== token[at])
      .map((character) => token.slice(0, at) + character + token.slice(at + 1)),
  ).flat();
  const forged = [
    '',
    '.',
    'x',
    id,
    `${id}.`,
    ` ${token}`,
    `${token}\n`,
    `${token}=`,
    `${token}.${token}`,
    token.toUpperCase(),
    token.replaceAll('-', ''),
    `${newId()}.${token.slice(37)}`,
    `${id}.${createHmac('sha256', 'another secret').update(id).digest('base64url')}`,
    `${id}.${createHmac('sha256', secret).update(id).digest('hex')}`,
    `${id}.${'é'.repeat(43)}`,
    'a'.repeat(1_000_000),
  ];
  await withoutDatabase(async (sessions) => {
    for (const wrong of [...altered, ...forged]) expect(await sessions.find(wrong)).toEqual({ kind: 'unknown' });
    await expect(sessions.find(token)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test('while the database is away a session can neither be found nor ended, and the answer says so', async () => {
  await withoutDatabase(async (sessions) => {
    const id = newId();
    const away = { name: 'Refusal', code: 'UNAVAILABLE', message: expect.not.stringContaining(id) };
    await expect(sessions.find(sessions.tokenOf(id))).rejects.toMatchObject(away);
    await expect(sessions.end(id)).rejects.toMatchObject(away);
  });
});

test('a token with a right signature and the id of no session is an ended session', async () => {
  expect(await world.sessions.find(world.sessions.tokenOf(newId()))).toEqual({ kind: 'ended' });
});
