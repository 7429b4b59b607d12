import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Answer, deliver } from '../../src/worker/deliver.ts';
import type { Receiver } from '../../src/worker/turn.ts';
import { attemptAt, openConnections } from '../support/attempt.ts';
import { type RawRequest, type Reply, openRawReceiver, openReceiver } from '../support/receiver.ts';

type Behaviour = {
  onConnection?: (socket: Socket) => void;
  onRequest?: (socket: Socket, request: RawRequest) => void;
};

/** One attempt at a receiver that behaves so, with what it saw. */
async function attemptOn(behaviour: Behaviour, receiver: Partial<Receiver> = {}, payload?: string) {
  await using endpoint = await openRawReceiver(behaviour);
  await using connections = openConnections();
  const answer = await deliver(connections, attemptAt(endpoint.url, receiver, payload));
  return { answer, requests: endpoint.received.length, connections: endpoint.connections() };
}

function answering(text: string | Buffer): Behaviour {
  return { onRequest: (socket) => void socket.write(text) };
}

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
    connection: 1,
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
    },
  });
  expect(answer).toEqual({
    createdAt: new Date(1_700_000_000_999),
    completedAt: new Date(1_700_000_000_999),
    latencyMs: 0,
    httpStatus: 200,
    errorMessage: null,
    responseBody: null,
    retryAfterMs: null,
    verdict: 'delivered',
  });
});

test('what does not stand in the line carries no x-webhook-previous, and an attempt its own number', async () => {
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

test.each<[number, Partial<Answer>]>([
  ...[200, 201, 202, 204, 205, 250, 299].map((status): [number, Partial<Answer>] => [status, { verdict: 'delivered' }]),
  ...[
    300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 405, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504, 600, 999,
  ].map((status): [number, Partial<Answer>] => [status, { verdict: 'failed', errorMessage: `HTTP ${status}` }]),
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

const hanging = { timeoutMs: 300 };
const repeating = (text: string, everyMs: number) => (socket: Socket) => {
  const timer = setInterval(() => socket.write(text), everyMs);
  socket.on('close', () => clearInterval(timer));
};

test.each<[string, Behaviour, Partial<Receiver>, RegExp]>([
  ['resets as it accepts', { onConnection: (socket) => socket.resetAndDestroy() }, {}, /^(reset|connect): /],
  ['closes as it accepts', { onConnection: (socket) => socket.destroy() }, {}, /^(reset|connect): /],
  ['closes after the request', { onRequest: (socket) => socket.end() }, {}, /^reset: /],
  ['resets after the request', { onRequest: (socket) => socket.resetAndDestroy() }, {}, /^reset: /],
  [
    'closes amid the headers',
    { onRequest: (socket) => socket.end('HTTP/1.1 200 OK\r\nA: b') },
    {},
    /^(reset|protocol): /,
  ],
  ['never answers', {}, hanging, /^timeout: no answer within 300 ms$/],
  ['reads nothing', { onConnection: (socket) => socket.pause() }, hanging, /^timeout: /],
  ['drips its headers', { onRequest: repeating('H', 20) }, hanging, /^(timeout|protocol): /],
  [
    'drips headers without end',
    { onRequest: (socket) => (socket.write('HTTP/1.1 200 OK\r\n'), repeating('a: b\r\n', 20)(socket)) },
    hanging,
    /^timeout: /,
  ],
  [
    'sends 103 without end',
    { onRequest: repeating('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', 20) },
    hanging,
    /^timeout: /,
  ],
  ['sends an unasked 100', answering('HTTP/1.1 100 Continue\r\n\r\n'), hanging, /^protocol: /],
  [
    'switches protocols',
    answering('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    {},
    /^protocol: /,
  ],
  ['speaks garbage', answering('\u0000\u0001garbage\r\n\r\n'), {}, /^protocol: /],
  ['speaks HTTP/0.9', answering('<html>hello</html>\n'), {}, /^protocol: /],
  ['has the status 99', answering('HTTP/1.1 99 Low\r\ncontent-length: 0\r\n\r\n'), {}, /^protocol: /],
  ['has the status 1000', answering('HTTP/1.1 1000 High\r\ncontent-length: 0\r\n\r\n'), {}, /^protocol: /],
  [
    'has two lengths',
    answering('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
    {},
    /^protocol: /,
  ],
  [
    'has a length and chunks',
    answering('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    {},
    /^protocol: /,
  ],
  ['has headers of 20 KB', answering(`HTTP/1.1 200 OK\r\na: ${'b'.repeat(20_000)}\r\n\r\n`), {}, /^protocol: /],
])('an endpoint that %s fails the attempt, once, with its class', async (_, behaviour, receiver, message) => {
  const { answer, requests, connections } = await attemptOn(behaviour, receiver, `"${'x'.repeat(100_000)}"`);
  expect(answer).toMatchObject({ verdict: 'failed', httpStatus: null, completedAt: null, responseBody: null });
  expect(answer.errorMessage).toMatch(message);
  expect(requests).toBeLessThanOrEqual(1);
  expect(connections).toBe(1);
});

test('an endpoint that nobody listens at fails with class connect', async () => {
  const endpoint = await openReceiver();
  await endpoint[Symbol.asyncDispose]();
  await using connections = openConnections();
  expect(await deliver(connections, attemptAt(endpoint.url))).toMatchObject({
    verdict: 'failed',
    errorMessage: expect.stringMatching(/^connect: .*ECONNREFUSED/),
  });
});

test('an answer that comes before the whole request was read still counts or fails, and never hangs', async () => {
  const early: Behaviour = {
    onConnection: (socket) => socket.end('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
  };
  const { answer } = await attemptOn(early, {}, 'x'.repeat(1_000_000));
  expect(answer.verdict).toBe('failed');
  expect(answer.errorMessage).toMatch(/^(HTTP 413|reset: .*|protocol: .*)$/);
});

const ok = 'HTTP/1.1 200 OK\r\n';

test.each<[string, Behaviour, string | null]>([
  ['is empty', answering(`${ok}content-length: 0\r\n\r\n`), null],
  ['comes with a 204', answering('HTTP/1.1 204 None\r\ncontent-length: 2\r\n\r\nab'), null],
  ['breaks off', { onRequest: (socket) => socket.end(`${ok}content-length: 10\r\n\r\nabc`) }, 'abc'],
  [
    'is reset',
    {
      onRequest: (socket) =>
        socket.write(`${ok}content-length: 10\r\n\r\nabc`, () => setTimeout(() => socket.resetAndDestroy(), 50)),
    },
    'abc',
  ],
  ['is no chunk', answering(`${ok}transfer-encoding: chunked\r\n\r\nabc\r\n`), null],
  ['drips', { onRequest: (socket) => (socket.write(`${ok}\r\n`), repeating('a', 300)(socket)) }, 'aaa'],
  [
    'never ends',
    { onRequest: (socket) => (socket.write(`${ok}\r\n`), repeating('b'.repeat(50_000), 1)(socket)) },
    'b'.repeat(1024),
  ],
  [
    'ends with the connection after 70 KB',
    { onRequest: (socket) => socket.end(`${ok}connection: close\r\n\r\n${'c'.repeat(70_000)}`) },
    'c'.repeat(1024),
  ],
  ['ends with the connection', { onRequest: (socket) => socket.end(`${ok}\r\nup to here`) }, 'up to here'],
  ['follows 1xx', answering(`HTTP/1.1 103 Early Hints\r\n\r\n${ok}content-length: 2\r\n\r\nhi`), 'hi'],
  ['is text with a NUL', answering(`${ok}content-length: 3\r\n\r\na\0b`), 'ab'],
  [
    'is not UTF-8',
    answering(Buffer.concat([Buffer.from(`${ok}content-length: 3\r\n\r\na`), Buffer.from([0xff, 0x62])])),
    'a\ufffdb',
  ],
])('a 2xx whose body %s is delivered, and so is the next', async (_, behaviour, responseBody) => {
  await using endpoint = await openRawReceiver({
    onRequest: (socket, request) => {
      if (request.index === 0) behaviour.onRequest!(socket, request);
      else socket.write(`${ok}content-length: 4\r\n\r\nnext`);
    },
  });
  await using connections = openConnections();
  const answer = await deliver(connections, attemptAt(endpoint.url));
  expect(answer).toMatchObject({ verdict: 'delivered', errorMessage: null, responseBody });
  // The time of the headers counts, not that of the body.
  expect(answer.latencyMs).toBeLessThan(900);
  expect(await deliver(connections, attemptAt(endpoint.url))).toMatchObject({
    verdict: 'delivered',
    responseBody: 'next',
  });
  expect(endpoint.received).toHaveLength(2);
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

test('a header that undici refuses is a failed attempt, and nothing is sent', async () => {
  const { answer, connections } = await attemptOn({}, { headers: { 'x-env': 'a\r\nb: c' } });
  expect(answer.errorMessage).toMatch(/^protocol: invalid x-env header/);
  expect(connections).toBe(0);
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
