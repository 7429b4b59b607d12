// What a Valkey that is connected may refuse: each time nothing is used, nothing goes elsewhere, and its own words say why.

import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openRateLimits } from '../../src/api/rate-limits.ts';
import { openStream } from '../../src/log/stream.ts';
import { openWakes } from '../../src/log/wakes.ts';
import { problemOf } from '../../src/log/valkey.ts';
import { openLogStream } from '../../src/operations/log-stream.ts';
import { togetherChecked } from '../../src/operations/readiness.ts';
import { openLogger } from '../../src/telemetry/logger.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/free-port.ts';
import { type ValkeyServer, openValkeyServer } from '../support/valkey-server.ts';
import { entriesFrom } from './made-up-entries.ts';

let valkey: ValkeyServer;
beforeAll(async () => {
  valkey = await openValkeyServer();
});
afterAll(async () => await valkey[Symbol.asyncDispose]());
afterEach(async () => {
  await valkey.admin.flushall();
});

const prefix = 'tidings:test';

/** All that uses Valkey, as a service opens it. */
async function open(url: string) {
  const { logger } = await openLogger({ level: 'silent', format: 'json' });
  const stream = await openStream({ url, name: { key: `${prefix}:events`, secret: 'secret' }, onChange() {} });
  const wakes = openWakes({ url, prefix, from: 'here' });
  const limits = await openRateLimits({ url, prefix, log: logger });
  onTestFinished(async () => {
    for (const part of [stream, wakes, limits]) await part[Symbol.asyncDispose]();
  });
  return { stream, wakes, limits, check: togetherChecked([stream, wakes, limits]).check };
}

/** The URL with a user, a database or both. */
const urlWith = (user: string, database = '') => valkey.url.replace('//', `//${user}`) + database;

const connections = async () => Number(/total_connections_received:(\d+)/.exec(await valkey.admin.info('stats'))?.[1]);

async function useAll({ stream, wakes, limits }: Awaited<ReturnType<typeof open>>): Promise<void> {
  stream.append(entriesFrom(1, 2));
  wakes.wakeOthers('relay');
  await limits.signInStart('192.0.2.1');
  expect(await stream.readStream(0)).toBeNull();
}

test.each([
  ['a database that does not exist', () => urlWith('', '/99'), 'ERR DB index is out of range'],
  ['a password that is wrong', () => urlWith(':wrong@'), /^WRONGPASS /],
  ['no password, where one is needed', () => urlWith(''), /^NOAUTH /],
  ['a user that does not exist', () => urlWith('nobody:secret@'), /^WRONGPASS /],
])('%s: nothing is used, no key is written anywhere, and the reason is in its own words', async (what, url, words) => {
  if (!what.includes('database')) {
    await valkey.admin.config('SET', 'requirepass', 'right');
    await valkey.admin.auth('right');
  }
  const opened = await open(url());
  expect(await opened.check()).toEqual(typeof words === 'string' ? words : expect.stringMatching(words));
  expect(opened.stream.ready).toBe(false);
  await useAll(opened);
  const tries = await connections();
  await eventually(async () => (await connections()) >= tries + 4, { saying: 'another try of each client' });
  await useAll(opened);
  expect(await valkey.admin.info('keyspace')).not.toMatch(/^db\d/m);
  await valkey.admin.config('SET', 'requirepass', '');
});

test('a database that exists is used, and no other', async () => {
  const opened = await open(urlWith('', '/7'));
  expect(await opened.check()).toBeNull();
  opened.stream.append(entriesFrom(1, 1));
  await opened.limits.signInStart('192.0.2.1');
  await eventually(async () => /^db7:keys=[2-9]/m.test(await valkey.admin.info('keyspace')));
  expect(await valkey.admin.info('keyspace')).not.toMatch(/^db[0-689]/m);
});

test.each(['set', 'xadd', 'xread', 'xrange', 'xrevrange', 'unlink'])(
  'a user without rights on %s: the stream is not used until they are given',
  async (command) => {
    await valkey.admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '&*', '+@all', `-${command}`);
    const opened = await open(urlWith('app:secret@'));
    expect(opened.stream.ready).toBe(false);
    expect(await opened.check()).toMatch(new RegExp(`^NOPERM .*'${command}'`));
    await valkey.admin.call('ACL', 'SETUSER', 'app', `+${command}`);
    expect(await opened.check()).toBeNull();
    expect(opened.stream.ready).toBe(true);
    // Taken back while it is used.
    await valkey.admin.call('ACL', 'SETUSER', 'app', `-${command}`);
    expect(await opened.check()).toMatch(/^NOPERM /);
    expect(opened.stream.ready).toBe(false);
  },
);

test.each(['publish', 'subscribe', 'eval', 'incrby'])(
  'a user without rights on %s: the problem is known, and over when they are given',
  async (command) => {
    const evalsha = command === 'eval' ? ['-evalsha'] : [];
    await valkey.admin.call(
      'ACL',
      'SETUSER',
      'app',
      'reset',
      'on',
      '>secret',
      '~*',
      '&*',
      '+@all',
      `-${command}`,
      ...evalsha,
    );
    const opened = await open(urlWith('app:secret@'));
    await eventually(async () => (await opened.check()) !== null);
    expect(await opened.check()).toMatch(/NOPERM|ACL failure/);
    await valkey.admin.call('ACL', 'SETUSER', 'app', '+@all');
    await eventually(async () => (await opened.check()) === null);
  },
);

test('a user with rights on other keys, or other channels, alone is refused', async () => {
  for (const rights of [
    ['~other:*', '&*'],
    ['~*', 'resetchannels', '&other:*'],
  ]) {
    await valkey.admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '+@all', ...rights);
    const opened = await open(urlWith('app:secret@'));
    await eventually(async () => (await opened.check())?.startsWith('NOPERM '));
  }
});

test('the rights that the documentation names are enough', async () => {
  const text = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [, needed = '', useful = ''] = /the commands `([^`]+)`; ((?:`\w+`[, and]*)+)/.exec(text) ?? [];
  const commands = [...needed.split(/\s+/), ...useful.matchAll(/\w+(?=`)/g)].map((name) => `+${String(name)}`);
  expect(commands.length).toBeGreaterThan(15);
  const keys = ['~tidings:*', 'resetchannels', '&tidings:*'];
  await valkey.admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...keys, ...commands);
  const opened = await open(urlWith('app:secret@', '/3'));
  expect(await opened.check()).toBeNull();
  opened.stream.append(entriesFrom(1, 2));
  expect(await opened.limits.signInStart('192.0.2.1')).toBeNull();
  await eventually(async () => (await opened.stream.readStream(0))?.flat().length === 2);
  expect(await opened.check()).toBeNull();
});

test('a server that is full, a replica, and one of a cluster that has no slots refuse in their own words', async () => {
  const opened = await open(valkey.url);
  expect(await opened.check()).toBeNull();
  await valkey.admin.config('SET', 'maxmemory', '500kb');
  expect(await opened.check()).toMatch(/^OOM /);
  expect(opened.stream.ready).toBe(false);
  await valkey.admin.config('SET', 'maxmemory', 0);
  await valkey.admin.replicaof('127.0.0.1', 1);
  expect(await opened.check()).toMatch(/^READONLY /);
  await valkey.admin.replicaof('NO', 'ONE');
  expect(await opened.check()).toBeNull();
  await valkey.kill();
  await valkey.lose();
  // Without it, a cluster's second port is the first one and 10,000, which somebody else may have.
  await valkey.start({ config: ['cluster-enabled yes', `cluster-port ${await findFreePort()}`] });
  await eventually(async () => (await opened.check())?.startsWith('CLUSTERDOWN '));
  await valkey.kill();
  await valkey.start();
  await eventually(async () => (await opened.check()) === null);
});

test('a key that another server of a cluster has is said without that server’s address', () => {
  const moved = Object.assign(new Error('MOVED 866 10.1.2.3:7001'), { name: 'ReplyError' });
  expect(problemOf(moved)).toMatch(/^MOVED 866: this is a cluster/);
  expect(problemOf(moved)).not.toContain('10.1.2.3');
});

test('the log of a start says why Valkey is not used', async () => {
  const lines: unknown[] = [];
  const logger = { info: (...line: unknown[]) => lines.push(line), warn: (...line: unknown[]) => lines.push(line) };
  const { logger: real } = await openLogger({ level: 'silent', format: 'json' });
  await using _stream = await openLogStream({
    url: urlWith('', '/99'),
    identity: { prefix, stream: { epoch: '1', number: 1, secret: 'secret' } },
    logger: Object.assign(Object.create(real), logger),
  });
  expect(lines).toContainEqual([
    { reason: 'ERR DB index is out of range' },
    'Valkey cannot be used: events flow through Postgres until it can',
  ]);
});
