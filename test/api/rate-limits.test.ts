import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openRateLimits } from '../../src/api/rate-limits.ts';
import { openHttp } from '../../src/api/server.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, type Door, type DoorOptions, openDoor, post, signInAs } from './door.ts';

type Line = { msg: string; count?: number; limit?: string; client?: string };

/** Limits on the tests' Valkey, under keys of the test's own. */
async function openLimits({
  url = inject('valkeyUrl'),
  prefix = `test:${randomUUID()}`,
}: { url?: string | null; prefix?: string } = {}) {
  const lines: Line[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  const limits = await openRateLimits({ url, prefix, log });
  onTestFinished(async () => await limits[Symbol.asyncDispose]());
  return { limits, lines, prefix };
}

async function openLimitedDoor(options: DoorOptions = {}): Promise<Door> {
  const { limits } = await openLimits();
  const door = await openDoor({ limits, ...options });
  onTestFinished(async () => await door[Symbol.asyncDispose]());
  return door;
}

async function ask(door: Door, headers: Record<string, string>, query = '{ users { totalCount } }') {
  const response = await door.fetch('/graphql', post({ query }, headers));
  const { errors } = (await response.json()) as Answer;
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, codes: errors?.map(({ extensions }) => extensions.code), retryAfter };
}

const times = async <T>(count: number, act: () => Promise<T>) => await Promise.all(Array.from({ length: count }, act));

test('20 wrong tokens a minute are answered, the next are 429 with Retry-After, and nothing else of that client is refused', async () => {
  const door = await openLimitedDoor();
  const { token } = await signInAs(door, 'ADMIN');
  const wrong = { authorization: 'Bearer wrong' };
  for (const { status, codes } of await times(20, async () => await ask(door, wrong))) {
    expect([status, codes]).toEqual([200, ['UNAUTHENTICATED']]);
  }
  const { status, codes, retryAfter } = await ask(door, wrong);
  expect([status, codes]).toEqual([429, ['RATE_LIMITED']]);
  expect(Number(retryAfter)).toBeGreaterThan(50);
  expect(Number(retryAfter)).toBeLessThanOrEqual(60);

  expect(await ask(door, {})).toMatchObject({ status: 200, codes: undefined });
  expect(await ask(door, { authorization: `Bearer ${token}` })).toMatchObject({ status: 200, codes: undefined });
  expect(await ask(door, { authorization: '' })).toMatchObject({ status: 200, codes: ['UNAUTHENTICATED'] });
  expect(await ask(door, { authorization: 'Basic d3Jvbmc6d3Jvbmc=' })).toMatchObject({ codes: ['UNAUTHENTICATED'] });
});

test('a token of an ended session does not count as a guess', async () => {
  const door = await openLimitedDoor();
  const { token } = await signInAs(door, 'USER');
  await door.sessions.end(token.slice(0, 36));
  for (const { status } of await times(25, async () => await ask(door, { authorization: `Bearer ${token}` }))) {
    expect(status).toBe(200);
  }
});

test('no other way shows whether a guessed token is right', async () => {
  const door = await openLimitedDoor();
  const headers = { authorization: 'Bearer wrong' };
  await times(20, async () => await door.fetch('/', { headers }));
  const asked = async (path: string, accept: string) => {
    const response = await door.fetch(path, { headers: { ...headers, accept } });
    expect([path, response.status, response.headers.get('retry-after')]).toEqual([
      path,
      429,
      expect.stringMatching(/^\d+$/),
    ]);
    return response;
  };
  const told = /^Too many wrong tokens came from here\. Wait \d+ s, and send a right one\.$/;
  expect(await (await asked('/graphql?query={__typename}', 'application/json')).json()).toEqual({
    errors: [{ message: expect.stringMatching(told) as unknown, extensions: { code: 'RATE_LIMITED' } }],
  });
  for (const path of ['/', '/oauth/anything?link=1', '/oauth/anything/callback']) {
    const program = await asked(path, 'application/json');
    expect(await program.json()).toEqual({ error: expect.stringMatching(told) as unknown, code: 'RATE_LIMITED' });
    const page = await (await asked(path, 'text/html')).text();
    expect(page).toContain('Too many wrong tokens came from here');
    expect(page).toContain('<a href="/">To the first page</a>');
  }
});

test('30 sign-ins a minute are begun, the next are 429 with Retry-After', async () => {
  const door = await openLimitedDoor();
  const start = async () =>
    await ask(door, { authorization: '' }, 'mutation { startOAuth(provider: "nobody") { url } }');
  for (const { status, codes } of await times(30, start)) expect([status, codes]).toEqual([200, ['NOT_FOUND']]);
  const { status, codes, retryAfter } = await start();
  expect([status, codes]).toEqual([429, ['RATE_LIMITED']]);
  expect(Number(retryAfter)).toBeGreaterThan(50);
});

test('each client has its own minute: behind a trusted proxy the last address counts, else the socket', async () => {
  const trusting = await openLimitedDoor({ trustProxy: true });
  const from = (address: string) => ({
    authorization: 'Bearer wrong',
    'x-forwarded-for': `${randomUUID()}, ${address}`,
  });
  await times(20, async () => await ask(trusting, from('192.0.2.1')));
  expect((await ask(trusting, from('192.0.2.1'))).status).toBe(429);
  expect((await ask(trusting, from('192.0.2.2'))).status).toBe(200);

  const door = await openLimitedDoor();
  await using http = await openHttp({ host: '127.0.0.1', port: 0, app: door.app });
  const status = async (address: string) =>
    (await fetch(`${http.url}/graphql`, post({ query: '{__typename}' }, from(address)))).status;
  await times(20, async () => await status('192.0.2.1'));
  expect(await status('192.0.2.2')).toBe(429);
  // Without a socket it is another client.
  expect((await ask(door, from('192.0.2.1'))).status).toBe(200);
});

test('600 wrong tokens a minute of all clients together are answered, and a right one always', async () => {
  const { limits, prefix } = await openLimits();
  const { limits: other } = await openLimits({ prefix });
  const guess = async (client: string) => await limits.failedToken(client);
  for (let client = 0; client < 30; client += 1) {
    expect(await times(20, async () => await guess(`client ${client}`))).toEqual(
      Array.from({ length: 20 }, () => null),
    );
  }
  // What is refused to one client is not counted for all.
  expect(await guess('client 0')).toBeGreaterThan(0);
  for (const limited of [limits, other]) expect(await limited.failedToken('another client')).toBeGreaterThan(50);

  const door = await openDoor({ limits });
  onTestFinished(async () => await door[Symbol.asyncDispose]());
  const { token } = await signInAs(door, 'USER');
  expect(await ask(door, { authorization: 'Bearer wrong' })).toMatchObject({ status: 429, codes: ['RATE_LIMITED'] });
  expect(await ask(door, {})).toMatchObject({ status: 200, codes: undefined });
  expect(await ask(door, { authorization: `Bearer ${token}` }, '{ me { id } }')).toMatchObject({ status: 200 });
});

test('a refused guess is answered late, and a right token at once meanwhile', async () => {
  const door = await openLimitedDoor();
  const wrong = { authorization: 'Bearer wrong' };
  await times(20, async () => await ask(door, wrong));
  const answered: string[] = [];
  const begin = performance.now();
  const guesses = times(5, async () => {
    const { status } = await ask(door, wrong);
    answered.push(`guess ${status}`);
    expect(performance.now() - begin).toBeGreaterThan(490);
  });
  await ask(door, {}).then(({ status }) => answered.push(`right ${status}`));
  await guesses;
  expect(answered).toEqual(['right 200', ...Array.from({ length: 5 }, () => 'guess 429')]);
});

test('instances count together, and each limit by itself', async () => {
  const { limits: one, prefix } = await openLimits();
  const { limits: other } = await openLimits({ prefix });
  await times(10, async () => await one.failedToken('a'));
  await times(10, async () => await other.failedToken('a'));
  expect(await one.failedToken('a')).toBeGreaterThan(0);
  expect(await other.failedToken('a')).toBeGreaterThan(0);
  expect(await one.signInStart('a')).toBeNull();
  expect(await one.failedToken('b')).toBeNull();
});

test('a flood beyond the limit sends nothing to Valkey, and one line to the log', async () => {
  const { limits, lines, prefix } = await openLimits();
  await times(20, async () => await limits.failedToken('a'));
  const valkey = new Redis(inject('valkeyUrl'));
  onTestFinished(() => valkey.disconnect());
  const [key] = await valkey.keys(`${prefix}:failedToken:*`);
  expect([await valkey.get(key!), await valkey.ttl(key!)]).toEqual([
    '20',
    expect.toSatisfy((ttl) => ttl > 50 && ttl <= 60),
  ]);
  for (const seconds of await times(1_000, async () => await limits.failedToken('a')))
    expect(seconds).toBeGreaterThan(50);
  expect(await valkey.get(key!)).toBe('20');
  expect(lines).toMatchObject([{ limit: 'failedToken', count: 1, client: 'a' }]);
  // What was not written yet is written at the end.
  await limits[Symbol.asyncDispose]();
  expect(lines.map(({ count }) => count)).toEqual([1, 999]);
});

test.each([
  ['there is none', async () => null],
  [
    'nothing listens there',
    async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await once(server.close(), 'close');
      return `redis://127.0.0.1:${port}`;
    },
  ],
  [
    'it never answers',
    async () => {
      const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
      onTestFinished(() => void server.close());
      await once(server, 'listening');
      return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
  ],
])(
  'without a Valkey (%s) the instance counts by itself, nobody is delayed, and the log says how many',
  async (_, urlOf) => {
    const { limits, lines } = await openLimits({ url: await urlOf() });
    const begin = performance.now();
    const waits = await times(50, async () => await limits.failedToken('a'));
    expect(performance.now() - begin).toBeLessThan(1_000);
    expect(waits.filter((wait) => wait === null)).toHaveLength(20);
    expect(waits.every((wait) => wait === null || (wait > 50 && wait <= 60))).toBe(true);
    expect(await limits.failedToken('b')).toBeNull();
    expect(await limits.signInStart('a')).toBeNull();
    await limits[Symbol.asyncDispose]();
    const alone = lines.filter(({ limit }) => limit === undefined);
    expect(alone[0]).toMatchObject({ count: 1, msg: expect.stringContaining('by this instance alone') as unknown });
    expect(alone.reduce((sum, { count }) => sum + count!, 0)).toBe(52);
    expect(lines.filter(({ limit }) => limit === 'failedToken').reduce((sum, { count }) => sum + count!, 0)).toBe(30);
  },
);

test('a Valkey that stops answering costs a quarter of a second, and is used again when it is back', async () => {
  const proxy = await openProxy(new URL(inject('valkeyUrl')));
  const { limits } = await openLimits({ url: proxy.url });
  await times(20, async () => await limits.failedToken('a'));
  proxy.isHung = true;
  const begin = performance.now();
  expect(await limits.failedToken('b')).toBeNull();
  expect(performance.now() - begin).toBeLessThan(1_000);
  // What is known of a client is known without Valkey.
  expect(await limits.failedToken('a')).toBeGreaterThan(0);
  proxy.isHung = false;
  await eventually(async () =>
    (await times(21, async () => await limits.failedToken('c'))).some((one) => one !== null),
  );
});

/** Lets everything through to Valkey, or, while it is hung, nothing. */
async function openProxy(target: URL): Promise<{ url: string; isHung: boolean }> {
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname, () => {
      client.on('data', (data) => proxy.isHung || upstream.write(data));
      upstream.pipe(client);
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => {}).on('close', () => [client, upstream].forEach((each) => each.destroy()));
    }
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = { url: url.href, isHung: false };
  return proxy;
}
