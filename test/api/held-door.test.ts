// What somebody can do to the door with sockets alone, without any credential.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Hono } from 'hono';
import { expect, onTestFinished, test } from 'vitest';
import { graphiqlRoutes } from '../../src/api/graphiql.ts';
import { type HttpOptions, openHttp } from '../../src/api/server.ts';
import { eventually } from '../support/eventually.ts';
import { connectRaw, statusesIn } from './raw-connection.ts';

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

/**
 * Answers each request to /held when it is told to, and counts them; to /large with 8 MiB, whose end `closed` has; to the
 * rest at once.
 */
function heldApp() {
  const held: (() => void)[] = [];
  const seen = { begun: 0, most: 0 };
  const closed: { afterMs: number; whole: boolean }[] = [];
  let atOnce = 0;
  const app = new Hono<{ Bindings: { outgoing: ServerResponse } }>()
    .onError((_error, c) => c.text('', 400))
    .get('/held', async (c) => {
      seen.begun += 1;
      seen.most = Math.max(seen.most, (atOnce += 1));
      await new Promise<void>((resolve) => held.push(resolve));
      atOnce -= 1;
      return c.text('held');
    })
    .get('/large', (c) => {
      const { outgoing } = c.env;
      const beganAt = performance.now();
      outgoing.once('close', () =>
        closed.push({ afterMs: performance.now() - beganAt, whole: outgoing.writableFinished }),
      );
      return c.body('x'.repeat(8 * 1024 * 1024));
    })
    .post('/body', async (c) => c.text(String((await c.req.text()).length)))
    .get('*', (c) => c.text('here'));
  return { app, seen, closed, held, release: () => held.splice(0).forEach((resolve) => resolve()) };
}

async function open(given: Partial<HttpOptions> = {}) {
  const held = heldApp();
  const http = await openHttp({ host: '127.0.0.1', port: 0, app: held.app, ...given });
  onTestFinished(async () => {
    held.release();
    await http[Symbol.asyncDispose]();
  });
  return { ...held, http, port: http.port };
}

test('of one connection one request is answered at a time, in order, and a few wait', async () => {
  const { port, seen, release } = await open({ limits: { requestsOfConnection: 3 } });
  const one = await connectRaw(port);
  one.send(get('/held').repeat(2) + get('/last', 'Connection: close\r\n'));
  await eventually(() => seen.begun === 1);
  release();
  await eventually(() => seen.begun === 2);
  release();
  const { text } = await one.ended;
  expect(statusesIn(text)).toEqual([200, 200, 200]);
  expect(text).toMatch(/here$/);
  expect(seen.most).toBe(1);
});

test.each(['/held', '/large', '/healthz'])('a connection that pipelines %s beyond that is closed', async (path) => {
  const { port, seen } = await open({ limits: { requestsOfConnection: 3 } });
  const one = await connectRaw(port);
  one.send(get(path).repeat(2_000));
  await one.ended;
  expect(seen.begun).toBeLessThanOrEqual(1);
});

test('a client has a share of the requests at once, whatever its connections, and others are served', async () => {
  const { port, seen, release } = await open({
    trustProxy: true,
    limits: { requestsOfClient: 2, requests: 4 },
  });
  const ask = async (client: string, path = '/held') => {
    const one = await connectRaw(port);
    one.send(get(path, `Connection: close\r\nX-Forwarded-For: ${client}\r\n`));
    return statusesIn((await one.ended).text);
  };
  const answers = [ask('192.0.2.1'), ask('192.0.2.1')];
  await eventually(() => seen.begun === 2);
  expect(await ask('192.0.2.1')).toEqual([429]);
  answers.push(ask('192.0.2.2'), ask('2001:db8::1'));
  await eventually(() => seen.begun === 4);
  expect(await ask('192.0.2.9')).toEqual([503]);
  // A supervisor must not end the process for it.
  expect(await ask('192.0.2.1', '/healthz')).toEqual([200]);
  expect(await ask('192.0.2.9', '/readyz?verbose')).toEqual([200]);
  release();
  expect((await Promise.all(answers)).flat()).toEqual([200, 200, 200, 200]);
  expect(await ask('192.0.2.1', '/')).toEqual([200]);
});

test('requests whose connections break give their places back', async () => {
  const { port, seen } = await open({ limits: { requestsOfClient: 2 } });
  for (let round = 1; round <= 3; round += 1) {
    const broken = await Promise.all([connectRaw(port), connectRaw(port)]);
    for (const one of broken) one.send(get('/held').repeat(2));
    await eventually(() => seen.begun === round * 2);
    for (const one of broken) one.socket.resetAndDestroy();
    await Promise.all(broken.map(({ ended }) => ended));
    await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 200);
  }
});

test('a client has a share of the connections, and gets it back as they close', async () => {
  const { port } = await open({ limits: { connectionsOfClient: 3 } });
  const some = [await connectRaw(port), await connectRaw(port), await connectRaw(port)];
  const tooMany = await connectRaw(port);
  expect((await tooMany.ended).text).toBe('');
  some[0]!.send(get('/', 'Connection: close\r\n'));
  expect(statusesIn((await some[0]!.ended).text)).toEqual([200]);
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 200);
  for (const { socket } of some) socket.destroy();
});

test('behind a trusted proxy its connections are not those of one client', async () => {
  const { port } = await open({ trustProxy: true, limits: { connectionsOfClient: 1 } });
  const first = await connectRaw(port);
  const second = await connectRaw(port);
  second.send(get('/', 'Connection: close\r\n'));
  expect(statusesIn((await second.ended).text)).toEqual([200]);
  first.socket.destroy();
});

test.each([
  ['an answer', get('/large')],
  ['one of several answers', get('/large').repeat(3)],
  ['an answer, of a client that will send no more', get('/large')],
])('the connection of whoever does not read %s is closed', async (what, sent) => {
  const { port, closed } = await open({ limits: { unreadMs: 300, lookMs: 50 } });
  const one = await connectRaw(port, { reads: false });
  one.send(sent);
  if (what.includes('no more')) one.finish();
  await eventually(() => closed.length > 0);
  expect(closed).toEqual([{ afterMs: expect.any(Number), whole: false }]);
  expect(closed[0]!.afterMs).toBeGreaterThan(250);
  one.socket.destroy();
});

test('whoever reads drop by drop is cut off too, and whoever reads slowly is not', async () => {
  const { port, closed } = await open({ limits: { unreadMs: 1_000, lookMs: 50 } });
  const drips = await connectRaw(port, { reads: false });
  drips.send(get('/large'));
  const drip = setInterval(() => drips.socket.read(1), 20);
  await eventually(() => closed.length > 0);
  clearInterval(drip);
  expect(closed).toEqual([{ afterMs: expect.any(Number), whole: false }]);
  drips.socket.destroy();

  const patient = await open({ limits: { unreadMs: 30_000, lookMs: 50 } });
  const slow = await connectRaw(patient.port, { reads: false });
  slow.send(get('/large', 'Connection: close\r\n'));
  let size = 0;
  const sip = setInterval(() => (size += (slow.socket.read() as Buffer | null)?.length ?? 0), 5);
  slow.socket.on('end', () => slow.socket.end());
  await slow.ended;
  clearInterval(sip);
  expect(size).toBeGreaterThan(8 * 1024 * 1024);
});

test('of unread answers only so many bytes wait, and those that wait the longest go', async () => {
  const { port, closed } = await open({ limits: { unreadBytes: 12 * 1024 * 1024, unreadMs: 60_000, lookMs: 50 } });
  const some = [];
  for (let n = 1; n <= 3; n += 1) {
    const one = await connectRaw(port, { reads: false });
    one.send(get('/large'));
    some.push(one);
    // Two of them are above the limit, so the older one goes each time.
    await eventually(() => closed.length === n - 1);
  }
  expect(closed.every(({ whole }) => !whole)).toBe(true);
  for (const { socket } of some) socket.destroy();
});

test.each([
  ['that sends nothing', ''],
  ['that sends half its headers', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ['that sends half its body', 'POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345'],
  ['that never ends its chunks', 'POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'],
  ['whose next request has half a body', `${get('/')}POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1`],
])('a client %s is cut off when its time is over, not at the next look of Node', async (_, sent) => {
  const { port } = await open({ limits: { headersMs: 300, requestMs: 600, lookMs: 50 } });
  const one = await connectRaw(port);
  one.send(sent);
  const { afterMs } = await one.ended;
  expect(afterMs).toBeGreaterThan(250);
  expect(afterMs).toBeLessThan(5_000);
});

test('a body that drips is cut off when its time is over', async () => {
  const { port } = await open({ limits: { headersMs: 300, requestMs: 600, lookMs: 50 } });
  const one = await connectRaw(port);
  one.send('POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n');
  const drip = setInterval(() => one.send('x'), 20);
  const { afterMs } = await one.ended;
  clearInterval(drip);
  expect(afterMs).toBeLessThan(5_000);
});

test.each([
  ['/healthz', 1],
  ['/held', 1],
  ['/held', 3],
])('a client that will send no more gets its answers: %s, %i times', async (path, times) => {
  const { port, held, release } = await open();
  const one = await connectRaw(port);
  one.send(get(path).repeat(times));
  one.finish();
  let ended = false;
  void one.ended.then(() => (ended = true));
  await eventually(() => {
    if (held.length > 0) release();
    return ended;
  });
  expect(statusesIn((await one.ended).text)).toEqual(Array.from({ length: times }, () => 200));
});

test('a client that will send no more, in the middle of its request, is refused', async () => {
  const { port } = await open();
  const one = await connectRaw(port);
  one.send('POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345');
  one.finish();
  expect(statusesIn((await one.ended).text)).toEqual([400]);
});

test.each(['TRACE /healthz', 'TRACE /graphql', 'PROPFIND /graphql', 'QUERY /graphql', 'MKCOL /'])(
  '%s is refused before anything looks at it',
  async (line) => {
    const { port } = await open({ app: { fetch: () => Promise.reject(new Error('it was looked at')) } });
    const one = await connectRaw(port);
    one.send(`${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n`);
    const { text } = await one.ended;
    expect(statusesIn(text)).toEqual([405]);
    expect(text).toMatch(/^allow: GET, HEAD, POST\r$/im);
  },
);

test('what cannot be expected is refused, and 100-continue is met', async () => {
  const { port } = await open();
  const body = (expectation: string) =>
    `POST /body HTTP/1.1\r\nHost: x\r\nExpect: ${expectation}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n`;
  const odd = await connectRaw(port);
  odd.send(body('more'));
  expect(statusesIn((await odd.ended).text)).toEqual([417]);
  const usual = await connectRaw(port);
  usual.send(`${body('100-continue')}ab`);
  expect(statusesIn((await usual.ended).text)).toEqual([100, 200]);
});

test('the page of GraphiQL is in memory once, however many ask for it and do not read it', async () => {
  const { port } = await open({ app: graphiqlRoutes() });
  const whole = await (await fetch(`http://127.0.0.1:${port}/graphiql`)).arrayBuffer();
  expect(whole.byteLength).toBeGreaterThan(8 * 1024 * 1024);
  const head = await fetch(`http://127.0.0.1:${port}/graphiql`, {
    method: 'HEAD',
    headers: { 'accept-encoding': 'identity' },
  });
  expect(head.headers.get('content-length')).toBe(String(whole.byteLength));

  const before = process.memoryUsage().arrayBuffers;
  const some = await Promise.all(Array.from({ length: 40 }, async () => await connectRaw(port, { reads: false })));
  for (const [n, one] of some.entries()) {
    one.send(get('/graphiql', n % 2 ? 'Accept-Encoding: gzip\r\n' : '').repeat(8));
  }
  // Each of them has begun to get its answer.
  await Promise.all(some.map(async ({ socket }) => await once(socket, 'readable')));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  for (const { socket } of some) socket.destroy();
});

test('requests that come together leave the event loop to others between them', async () => {
  let turn = 0;
  const turns: number[] = [];
  const app = new Hono().get('/', (c) => {
    turns.push(turn);
    for (const until = performance.now() + 20; performance.now() < until;);
    return c.text('busy');
  });
  const { port } = await open({ app });
  const some = await Promise.all(Array.from({ length: 12 }, () => connectRaw(port)));
  const count = () => {
    turn += 1;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  for (const one of some) one.send(get('/', 'Connection: close\r\n'));
  await Promise.all(some.map(({ ended }) => ended));
  clearImmediate(counting);
  expect(new Set(turns).size).toBe(12);
});
