import { readFile, readdir, rm, stat, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSecrets } from '../../src/settings/secrets.ts';
import { resolveServiceSecrets } from '../../src/settings/service-secrets.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let localDirectory: string;

beforeAll(async () => {
  scratch = await scratchDirectory();
});

afterAll(async () => {
  await scratch[Symbol.asyncDispose]();
});

beforeEach(async () => {
  localDirectory = join(scratch.path, '.tidings');
  await rm(localDirectory, { recursive: true, force: true });
});

const session = 's'.repeat(32);
/** As short as one may be. */
const token = 't'.repeat(24);
const tooShort =
  /^admin_token: must be at least 24 characters, so that nobody can guess it; make one with: openssl rand -hex 32$/;

async function resolve(environment: Record<string, string>, local: string | null) {
  const secrets = createSecrets({ directory: join(scratch.path, 'none'), environment, warn: () => {} });
  return await resolveServiceSecrets({ secrets, localDirectory: local });
}

test('secrets that are given are used, and none is made', async () => {
  expect(await resolve({ ADMIN_TOKEN: token, SESSION_SECRET: session }, localDirectory)).toEqual({
    adminToken: token,
    sessionSecret: session,
    readToken: null,
    publishToken: null,
    local: [],
  });
  await expect(readdir(localDirectory)).rejects.toThrow('ENOENT');
});

test('the read and the publish token are taken where they are given, and never made', async () => {
  const given = {
    ADMIN_TOKEN: token,
    SESSION_SECRET: session,
    READ_TOKEN: 'r'.repeat(24),
    PUBLISH_TOKEN: 'p'.repeat(24),
  };
  const tokens = { readToken: given.READ_TOKEN, publishToken: given.PUBLISH_TOKEN };
  expect(await resolve(given, localDirectory)).toMatchObject({ ...tokens, local: [] });
  expect(await resolve({}, localDirectory)).toMatchObject({ readToken: null, publishToken: null });
  expect((await readdir(localDirectory)).toSorted()).toEqual(['admin_token', 'session_secret']);
});

test.each([
  [{ READ_TOKEN: token }, ['admin_token: is the same as read_token; give each a value of its own']],
  [
    { READ_TOKEN: token, PUBLISH_TOKEN: token },
    ['admin_token: is the same as read_token and publish_token; give each a value of its own'],
  ],
  [
    { READ_TOKEN: 'c4n4ry'.repeat(5), PUBLISH_TOKEN: 'c4n4ry'.repeat(5) },
    ['read_token: is the same as publish_token; give each a value of its own'],
  ],
  [
    { READ_TOKEN: 'c4n4ry', PUBLISH_TOKEN: '' },
    [
      expect.stringMatching(/^read_token: must be at least 24 characters/),
      'publish_token: its environment variable is empty',
    ],
  ],
])('tokens that are equal or bad stop the start and are named, without a value: %j', async (tokens, problems) => {
  const read = await resolve({ ADMIN_TOKEN: token, SESSION_SECRET: session, ...tokens }, null);
  expect(read).toEqual({ problems });
  expect(JSON.stringify(read)).not.toContain('c4n4ry');
});

test('without a database of its own a missing secret is a problem that says how to give it', async () => {
  expect(await resolve({}, null)).toEqual({
    problems: [
      expect.stringMatching(/^admin_token: .*ADMIN_TOKEN$/),
      expect.stringMatching(/^session_secret: .*SESSION_SECRET$/),
    ],
  });
});

test('missing secrets are made once, with mode 0600, and read again at the next start', async () => {
  const first = await resolve({}, localDirectory);
  if ('problems' in first) throw new Error(first.problems.join());
  expect(first.local).toEqual([
    { name: 'admin_token', path: join(localDirectory, 'admin_token'), created: true },
    { name: 'session_secret', path: join(localDirectory, 'session_secret'), created: true },
  ]);
  expect(first.adminToken).toMatch(/^[\w-]{43}$/);
  expect(first.sessionSecret).not.toBe(first.adminToken);
  expect(await readFile(join(localDirectory, 'admin_token'), 'utf8')).toBe(first.adminToken);
  for (const name of await readdir(localDirectory)) {
    expect((await stat(join(localDirectory, name))).mode & 0o777).toBe(0o600);
  }
  expect(await readdir(localDirectory)).toHaveLength(2);
  const second = await resolve({}, localDirectory);
  expect(second).toEqual({ ...first, local: first.local.map((one) => ({ ...one, created: false })) });
});

test('processes that start at once agree on what they made', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => resolve({}, localDirectory)));
  const tokens = new Set(
    all.map((one) => ('adminToken' in one ? `${one.adminToken} ${one.sessionSecret}` : 'problem')),
  );
  expect([...tokens]).toEqual([expect.stringMatching(/^[\w-]{43} [\w-]{43}$/)]);
  expect(all.flatMap((one) => ('local' in one ? one.local : [])).filter(({ created }) => created)).toHaveLength(2);
});

test.each([
  [{ ADMIN_TOKEN: '', SESSION_SECRET: session }, /^admin_token: its environment variable is empty$/],
  [{ ADMIN_TOKEN: 'two words', SESSION_SECRET: session }, /^admin_token: must be printable ASCII/],
  [{ ADMIN_TOKEN: 'a', SESSION_SECRET: session }, tooShort],
  [{ ADMIN_TOKEN: 'c4n4ry'.padEnd(23, '-'), SESSION_SECRET: session }, tooShort],
  [{ ADMIN_TOKEN: token, SESSION_SECRET: 'c4n4ry-short' }, /^session_secret: must be at least 32 characters$/],
])('%j is refused without the value, and nothing is made in its place', async (environment, problem) => {
  const read = await resolve(environment, localDirectory);
  expect(read).toEqual({ problems: [expect.stringMatching(problem)] });
  expect(JSON.stringify(read)).not.toContain('c4n4ry');
});

test('a local file that is wrong is a problem, and stays', async () => {
  await mkdir(localDirectory);
  await writeFile(join(localDirectory, 'admin_token'), '');
  expect(await resolve({ SESSION_SECRET: session }, localDirectory)).toEqual({
    problems: [`admin_token: its file in ${localDirectory} is empty`],
  });
  await writeFile(join(localDirectory, 'admin_token'), 'short\n');
  expect(await resolve({ SESSION_SECRET: session }, localDirectory)).toEqual({
    problems: [expect.stringMatching(/^admin_token: must be at least 24 characters/)],
  });
});
