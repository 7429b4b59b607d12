// `tidings endpoints` against a real server: what it prints, where it finds it, and what it says when it cannot.

import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shardOf } from '../../src/policy/shards.ts';
import { type ServedDoor, adminToken, endpoint, publishToken, readToken, serveDoor } from '../api/door.ts';
import { noteService } from '../../src/settings/running-services.ts';
import { EndpointOutcomes } from '../../src/model/endpoint-outcomes.ts';
import { storeCursor, storeDelivery, storeEvent, storeStats } from '../api/stored-rows.ts';
import { openReceiver } from '../support/receiver/receiver.ts';
import { runTidings } from '../support/run-tidings.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

let door: ServedDoor;
let scratch: Awaited<ReturnType<typeof scratchDirectory>>;

beforeAll(async () => {
  door = await serveDoor();
  scratch = await scratchDirectory();
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

async function run(args: string[] = [], environment: Record<string, string> = {}, directory = scratch.path) {
  return await runTidings(['endpoints', ...args], { environment, directory });
}

const given = () => ({ TIDINGS_URL: door.http.url, TIDINGS_TOKEN: adminToken });

test('each endpoint is a line of its state, position, backlog, what it gave up, owner, and its last and next attempts', async () => {
  door.endpoints = ['crm', 'billing', 'off'].map((id) => endpoint({ id, enabled: id !== 'off' }));
  const owner = randomUUID();
  const em = door.orm.em.fork();
  await em.execute(`insert into webhook_instances (id, name, beat, version) values (?, 'one:10', 1, '1.2.3')`, [owner]);
  await em.execute('update webhook_leases set owner = ? where lease = ?', [owner, shardOf('crm')]);
  await storeCursor(door.orm, { endpointId: 'crm', position: 0, examined: 1, backlog: 1 });
  await storeCursor(door.orm, {
    endpointId: 'billing',
    position: 1,
    examined: 1,
    pauseReason: 'gone',
    pausedAt: new Date('2026-11-23T11:00:00Z'),
  });
  const moments = { deliveredAt: new Date('2026-11-23T10:00:00Z'), failedAt: new Date('2026-11-23T11:00:00Z') };
  await em.insert(EndpointOutcomes, { endpointId: 'billing', ...moments, error: 'HTTP 410' });
  await storeStats(door.orm, {
    ...{ endpointId: 'billing', minute: new Date(Math.floor(Date.now() / 60_000) * 60_000), writer: randomUUID() },
    ...{ delivered: 0, failed: 4, gaveUp: 3, latencyBuckets: [] },
  });
  const event = await storeEvent(door.orm, { position: 1 });
  const failed = { status: 'retrying' as const, errorMessage: 'HTTP 503\u001b[2J', waitMs: 4_000 };
  const at = new Date('2026-11-23T12:00:00.000Z');
  await storeDelivery(door.orm, { ...failed, position: 1, createdAt: at, recordedAt: at });

  expect(await run([], given())).toEqual({
    status: 0,
    stdout: [
      'ID       STATE                                         POSITION  BACKLOG  GAVE UP (DAY)  OWNER   LAST DELIVERED            NEXT ATTEMPT              LAST ERROR',
      'billing  PAUSED (GONE since 2026-11-23T11:00:00.000Z)  1         0        3              -       2026-11-23T10:00:00.000Z  -                         2026-11-23T11:00:00.000Z HTTP 410',
      'crm      RETRYING                                      0         1        0              one:10  -                         2026-11-23T12:00:04.000Z  2026-11-23T12:00:00.000Z HTTP 503\\u001b[2J',
      'off      DISABLED                                      0         0        0              -       -                         -                         -',
      '',
    ].join('\n'),
    stderr: '',
  });

  const { status, stdout, stderr } = await run(['--json'], given());
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const of = (id: string, rest: object) => ({
    ...{ id, url: `https://${id}.example.com/hooks`, pauseReason: null, backlog: 0, oldestUnsettledAt: null },
    ...{ owner: null, nextAttemptAt: null, lastError: null, lastErrorAt: null, lastDeliveredAt: null, pausedAt: null },
    ...{ position: '0', givesUpAfter: '31s', stats: { gaveUp: 0 }, ...rest },
  });
  expect(JSON.parse(stdout)).toEqual([
    of('billing', {
      ...{ state: 'PAUSED', pauseReason: 'GONE', pausedAt: '2026-11-23T11:00:00.000Z', position: '1' },
      ...{ lastError: 'HTTP 410', lastErrorAt: '2026-11-23T11:00:00.000Z', stats: { gaveUp: 3 } },
      lastDeliveredAt: '2026-11-23T10:00:00.000Z',
    }),
    of('crm', {
      ...{ state: 'RETRYING', backlog: 1, oldestUnsettledAt: event.createdAt.toISOString(), owner: 'one:10' },
      ...{ nextAttemptAt: '2026-11-23T12:00:04.000Z', lastError: failed.errorMessage },
      lastErrorAt: at.toISOString(),
    }),
    of('off', { state: 'DISABLED' }),
  ]);
});

test('all endpoints are shown, however many pages of the server they are', async () => {
  const names = Array.from({ length: 400 }, (_, index) => `e-${String(index).padStart(3, '0')}`);
  door.endpoints = names.map((id) => endpoint({ id, enabled: false }));
  const { status, stdout } = await run(['--json'], given());
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as { id: string }[]).map(({ id }) => id)).toEqual(names);
});

test('the read token is enough, and the publish token is told what it may do', async () => {
  door.endpoints = [];
  expect(await run(['--token', readToken], given())).toEqual({
    status: 0,
    stdout: '',
    stderr: 'There are no endpoints.\n',
  });
  expect(await run(['--token', publishToken], given())).toEqual({
    status: 1,
    stdout: '',
    stderr: 'tidings: This is not for publish_token, which may publish events, and nothing else.\n',
  });
});

test('options come before the environment, and the environment before the token of the working directory', async () => {
  door.endpoints = [];
  const none = { status: 0, stdout: '', stderr: 'There are no endpoints.\n' };
  const wrong = { TIDINGS_URL: 'http://127.0.0.1:1', TIDINGS_TOKEN: 'wrong' };
  expect(await run(['--url', `${door.http.url}/`, '--token', adminToken], wrong)).toEqual(none);
  const directory = join(scratch.path, 'of a service');
  await mkdir(join(directory, '.tidings'), { recursive: true });
  await writeFile(join(directory, '.tidings', 'admin_token'), `${adminToken}\n`);
  const note = { listeningAt: door.http.url, tokenDirectory: join(directory, '.tidings') };
  await using _running = await noteService(join(directory, '.tidings'), note, { debug: expect.fail });
  expect(await run([], { TIDINGS_URL: door.http.url, TIDINGS_TOKEN: '' }, directory)).toEqual({
    ...none,
    stderr: `Asking ${door.http.url} (TIDINGS_URL) with the token of .tidings/admin_token.\nThere are no endpoints.\n`,
  });
  expect(await run([], { TIDINGS_URL: door.http.url, TIDINGS_TOKEN: 'wrong' }, directory)).toMatchObject({ status: 1 });
  expect(await run(['--json'], given())).toMatchObject({ status: 0, stdout: '[]\n' });
});

test.for([
  { what: 'no token', args: [], environment: {} as Record<string, string>, says: /^There is no token: [^\n]*\n$/ },
  {
    what: 'a bad URL',
    args: [],
    environment: { TIDINGS_URL: 'ftp://u:hush@h' },
    says: /^TIDINGS_URL must be [^\n]*\n$/,
  },
  {
    what: 'a token that no header takes',
    args: [],
    environment: { TIDINGS_TOKEN: 'hush\nhush' },
    says: /^TIDINGS_TOKEN holds no token: [^\n]*\n$/,
  },
])('$what is one sentence on stderr without the token, and exit status 1', async ({ args, environment, says }) => {
  const { status, stdout, stderr } = await run(args, environment);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain('hush');
});

test.for([
  [['--url', 'nowhere'], '--url must be a URL such as http://127.0.0.1:4000 (its value is not shown).'],
  [['--url', 'http://u:hush@127.0.0.1'], '--url must be a URL such as http://127.0.0.1:4000 (its value is not shown).'],
  [['--url', ''], '--url must be a URL such as http://127.0.0.1:4000 (its value is not shown).'],
  [['--token', ''], '--token is empty.'],
] as const)('%j is a wrong use, and asks nobody: exit status 2', async ([args, says]) => {
  expect(await run([...args], given())).toEqual({ status: 2, stdout: '', stderr: `tidings: ${says}\n` });
});

test('a port that is none leaves the default in the sentence about a service that is not there', async () => {
  const { stderr } = await run(['--token', 'a-token'], { PORT: '70000' });
  expect(stderr).toMatch(/^Asking http:\/\/127\.0\.0\.1:4000 /);
});

test('a server that does not answer is one sentence on stderr, and exit status 1', async () => {
  const gone = await openReceiver();
  await gone[Symbol.asyncDispose]();
  const { origin } = new URL(gone.url);
  expect(await run(['--url', origin], given())).toEqual({
    status: 1,
    stdout: '',
    stderr: `tidings: ${origin} cannot be reached: ECONNREFUSED\n`,
  });
});

test('a refused token, and a server that is not Tidings, are each reported as such', async () => {
  expect(await run(['--token', 'wrong-token'], given())).toEqual({
    status: 1,
    stdout: '',
    stderr: `tidings: ${door.http.url} does not know the token.\n`,
  });
  await using other = await openReceiver({ reply: () => ({ status: 404, body: 'not here' }) });
  const { origin } = new URL(other.url);
  expect(await run([], { ...given(), TIDINGS_URL: origin })).toMatchObject({
    status: 1,
    stderr: `tidings: ${origin} does not answer as Tidings does (HTTP 404).\n`,
  });
});

test('a server that is none of this directory gets no token, and what it answers is shown, not obeyed', async () => {
  const directory = join(scratch.path, 'beside a liar');
  await mkdir(join(directory, '.tidings'), { recursive: true });
  await writeFile(join(directory, '.tidings', 'admin_token'), `${adminToken}\n`);
  // Clears the screen, sets the window's title, begins a sequence in C1, turns the direction, goes back to the line's begin.
  const evil = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egood\rbad\nAsking';
  const shown = String.raw`\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egood\rbad\nAsking`;
  const got: (string | undefined)[] = [];
  let answer: object = { errors: [{ message: evil }] };
  await using liar = await openReceiver({
    reply: (request) => {
      got.push(request.headers.authorization);
      return { status: 200, body: JSON.stringify(answer) };
    },
  });
  const { origin } = new URL(liar.url);
  expect(await run(['--url', origin], { TIDINGS_TOKEN: '' }, directory)).toMatchObject({ status: 1, stdout: '' });
  expect(got).toEqual([]);
  const asked = async (...args: string[]) => await run(['--url', origin, '--token', 'named', ...args], {}, directory);
  expect(await asked()).toEqual({ status: 1, stdout: '', stderr: `tidings: ${shown.replace(String.raw`\n`, ' ')}\n` });

  const row = { id: evil, url: evil, state: evil, pauseReason: evil, pausedAt: evil, position: evil, backlog: 0 };
  const times = { oldestUnsettledAt: evil, nextAttemptAt: evil, lastDeliveredAt: evil, lastErrorAt: evil };
  const told = { ...row, ...times, owner: evil, lastError: evil, givesUpAfter: evil, stats: { gaveUp: 0 } };
  answer = { data: { webhookEndpoints: [told] } };
  const { stdout } = await asked();
  // The ten cells that are texts.
  expect(stdout.split(shown)).toHaveLength(11);
  expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
  const inJson = (await asked('--json')).stdout;
  expect(inJson).toMatch(/^[\x20-\x7e\n]*$/);
  expect(JSON.parse(inJson)).toEqual([told]);
  expect(new Set(got)).toEqual(new Set(['Bearer named']));
});
