import type { LookupAddress } from 'node:dns';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type AttemptResult, deliver as deliverIfAllowed } from '../../src/worker/deliver.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { openReceiver } from '../support/receiver/receiver.ts';
import type { Reply } from '../support/receiver/reply.ts';

test('a request carries what the contract promises, and nothing else', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const attempt = attemptAt(`${endpoint.url}?a=é`, {
    signing: ['standard', 'timestamped'],
    headers: { 'X-Env': 'prod' },
  });
  const answer = await deliver(connections, attempt, { nowMs: () => 1_700_000_000_999, monotonicMs: () => 5 });
  const [request] = endpoint.received;
  expect(request).toEqual({
    path: '/hook?a=%C3%A9',
    body: attempt.event.payload,
    headers: {
      host: `127.0.0.1:${endpoint.port}`,
      connection: 'keep-alive',
      'content-type': 'application/json',
      'content-length': String(attempt.event.payload.length),
      'user-agent': 'Tidings/1.2.3',
      'x-webhook-attempt': '1',
      'x-webhook-position': '7',
      'x-webhook-previous': '4',
      'webhook-id': attempt.event.id,
      'webhook-timestamp': '1700000000',
      'webhook-signature': expect.stringMatching(/^v1,[\w+/]{43}=$/),
      'x-webhook-timestamp': '1700000000',
      'x-webhook-signature': expect.stringMatching(/^sha256=[0-9a-f]{64}$/),
      'x-env': 'prod',
      'accept-encoding': 'identity',
    },
  });
  expect(answer).toEqual({
    createdAt: new Date(1_700_000_000_999),
    completedAt: new Date(1_700_000_000_999),
    latencyMs: 0,
    httpStatus: 200,
    errorMessage: null,
    responseHeaders: null,
    responseBody: null,
    opening: expect.objectContaining({ remoteAddress: `127.0.0.1:${endpoint.port}` }),
    retryAfterMs: null,
    verdict: 'delivered',
  });
});

test.each(['replay', 'test'] as const)('a %s carries no position, since it is sent beside the line', async (origin) => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const attempt = attemptAt(endpoint.url);
  await deliver(connections, { ...attempt, origin, event: { ...attempt.event, previous: null } });
  const { headers } = endpoint.received[0]!;
  expect(Object.keys(headers).filter((name) => name.startsWith('x-webhook-'))).toEqual(['x-webhook-attempt']);
});

test.each([
  ['0195f0a0-0000-7000-8000-000000000007', '0195f0a0-0000-7000-8000-000000000007'],
  ['Ada’s shop/7 ~a_b.c-d!', 'Ada%E2%80%99s%20shop%2F7%20~a_b.c-d%21'],
  ["(*)'\r\n🚀%", '%28%2A%29%27%0D%0A%F0%9F%9A%80%25'],
  ['', ''],
])('an event about %j carries its subject as %s, in the line and beside it', async (subject, expected) => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const attempt = attemptAt(endpoint.url);
  const event = { ...attempt.event, subject };
  await deliver(connections, { ...attempt, event });
  await deliver(connections, { ...attempt, origin: 'replay', event: { ...event, previous: null } });
  expect(endpoint.received.map(({ headers }) => headers['x-webhook-subject'])).toEqual([expected, expected]);
});

test('a request beside the line carries no x-webhook-previous, and each attempt carries its own number', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const attempt = attemptAt(endpoint.url);
  await deliver(connections, { ...attempt, attempt: 3, event: { ...attempt.event, previous: null } });
  expect(endpoint.received[0]!.headers['x-webhook-previous']).toBe(undefined);
  expect(endpoint.received[0]!.headers['x-webhook-attempt']).toBe('3');
});

test('the body arrives byte for byte, with any characters in it', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const payload = JSON.stringify({ name: 'Ådå 🚀 \u2028 \\u0000', big: 'x'.repeat(300_000) });
  await deliver(connections, attemptAt(endpoint.url, {}, payload));
  expect(endpoint.received[0]!.body).toBe(payload);
});

test.each<[number, Partial<AttemptResult>]>([
  ...[200, 201, 202, 204, 205, 250, 299].map((status): [number, Partial<AttemptResult>] => [
    status,
    { verdict: 'delivered' },
  ]),
  ...[
    300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 405, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504, 600, 999,
  ].map((status): [number, Partial<AttemptResult>] => [status, { verdict: 'failed', errorMessage: `HTTP ${status}` }]),
  [410, { verdict: 'gone', errorMessage: 'HTTP 410' }],
])('the status %i decides the attempt, and no other request follows', async (status, expected) => {
  await using endpoint = await openReceiver({
    reply: (): Reply => ({ status, headers: { location: '/elsewhere', refresh: '0; url=/elsewhere' } }),
  });
  await using connections = openConnections();
  const answer = await deliver(connections, attemptAt(endpoint.url));
  expect(answer).toMatchObject({ httpStatus: status, completedAt: expect.any(Date), errorMessage: null, ...expected });
  expect(endpoint.received.map(({ path }) => path)).toEqual(['/hook']);
});

test.each<[number, string | string[], number | null]>([
  [429, '120', 120_000],
  [503, 'Sun, 06 Nov 1994 08:49:37 GMT', 90_000],
  [503, 'soon', null],
  [429, ['1', '2'], null],
  [500, '120', null],
  [200, '120', null],
])('after a %i, Retry-After: %s asks for a wait of %s ms', async (status, value, waitMs) => {
  await using endpoint = await openReceiver({ reply: () => ({ status, headers: { 'retry-after': value } }) });
  await using connections = openConnections();
  const clock = { nowMs: () => Date.UTC(1994, 10, 6, 8, 48, 7), monotonicMs: () => 0 };
  expect((await deliver(connections, attemptAt(endpoint.url), clock)).retryAfterMs).toBe(waitMs);
});

test('an endpoint where nothing listens fails with class connect', async () => {
  const endpoint = await openReceiver();
  await endpoint[Symbol.asyncDispose]();
  await using connections = openConnections();
  expect(await deliver(connections, attemptAt(endpoint.url))).toMatchObject({
    verdict: 'failed',
    errorMessage: expect.stringMatching(/^connect: .*ECONNREFUSED/),
  });
});

test('a compressed answer is kept as it came, however large it would be', async () => {
  const bomb = gzipSync(Buffer.alloc(5_000_000));
  await using endpoint = await openReceiver({ reply: () => ({ headers: { 'content-encoding': 'gzip' }, body: bomb }) });
  await using connections = openConnections();
  const { verdict, responseBody } = await deliver(connections, attemptAt(endpoint.url));
  expect(verdict).toBe('delivered');
  expect(responseBody).toBe(
    bomb.subarray(0, 1024).toString('utf8').replaceAll('\0', '').slice(0, responseBody!.length),
  );
});

test('an answer with more than 64 KiB of headers is a failed attempt that says so', async () => {
  await using endpoint = await openReceiver({
    reply: () => ({ headers: { 'set-cookie': `a=${'b'.repeat(65_536)}` } }),
  });
  await using connections = openConnections();
  const answer = await deliver(connections, attemptAt(endpoint.url));
  expect(answer).toMatchObject({
    verdict: 'failed',
    httpStatus: null,
    errorMessage: 'protocol: the headers of the answer are above 64 KiB',
  });
});

test('a header that undici refuses is a failed attempt, and nothing is sent', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const answer = await deliver(connections, attemptAt(endpoint.url, { headers: { 'x-env': 'a\r\nb: c' } }));
  expect(answer.errorMessage).toMatch(/^protocol: invalid x-env header/);
  expect(endpoint.connections()).toBe(0);
});

test.each(['', 'nonsense', 'ftp://a.test/', 'file:///etc/passwd'])(
  'an attempt at %j is a failure like any other',
  async (url) => {
    await using connections = openConnections();
    const answer = await deliver(connections, attemptAt(url));
    expect(answer).toMatchObject({ verdict: 'failed', errorMessage: expect.stringMatching(/^\w+: ./) });
  },
);

test('an endpoint without a key is never sent an unsigned request', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const answer = await deliver(connections, { ...attemptAt(endpoint.url), keys: [] });
  expect(answer.verdict).toBe('failed');
  expect(endpoint.connections()).toBe(0);
});

test('an attempt that may no longer begin when its connection is open is not sent: not one byte leaves', async () => {
  await using endpoint = await openReceiver();
  const found = Promise.withResolvers<LookupAddress[]>();
  await using connections = openConnections({ resolve: () => found.promise });
  let mayBegin = true;
  const url = `http://receiver.example.com:${endpoint.port}/hook`;
  const attempt = deliverIfAllowed(connections, { ...attemptAt(url), mayBegin: () => mayBegin });
  mayBegin = false;
  found.resolve([{ address: '127.0.0.1', family: 4 }]);
  expect(await attempt).toBeNull();
  expect(endpoint.received).toEqual([]);
  expect(await deliver(connections, attemptAt(url))).toMatchObject({ verdict: 'delivered' });
  expect(endpoint.received).toHaveLength(1);
});
