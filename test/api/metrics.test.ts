import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openListener } from '../../src/api/listener.ts';
import { createMetricsApp, metricsLimits } from '../../src/api/metrics.ts';
import { openHttp } from '../../src/api/server.ts';
import { eventually } from '../support/eventually.ts';
import { type Door, adminToken, noLimits, openDoor, publishToken, readToken, signInAs } from './door.ts';

const figures = '# HELP tidings_backlog Waits.\n# TYPE tidings_backlog gauge\ntidings_backlog 3\n';
const scrape = () => Promise.resolve(figures);

let door: Door;
beforeAll(async () => {
  door = await openDoor({ scrape });
});
afterAll(() => door[Symbol.asyncDispose]());
afterEach(() => void (door.counted.length = 0));

const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

test.each([
  ['the admin token', adminToken],
  ['the read token', readToken],
])('%s may read the metrics', async (_, token) => {
  const response = await door.fetch('/metrics', as(token));
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.text()).toBe(figures);
});

test('without a token, or with an unknown one, they are 401, and 403 with the publish token', async () => {
  const bare = await door.fetch('/metrics');
  expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect(await bare.json()).toMatchObject({ code: 'UNAUTHENTICATED' });
  expect((await door.fetch('/metrics', as('nobody-has-this-token-at-all'))).status).toBe(401);
  const publisher = await door.fetch('/metrics', as(publishToken));
  expect([publisher.status, await publisher.json()]).toMatchObject([403, { code: 'FORBIDDEN' }]);
});

test('the session of an admin may read them, and that of another user may not', async () => {
  const admin = await signInAs(door, 'ADMIN');
  const user = await signInAs(door, 'USER');
  expect((await door.fetch('/metrics', as(admin.token))).status).toBe(200);
  expect((await door.fetch('/metrics', as(user.token))).status).toBe(403);
});

test('HEAD is answered without a body, and any other method is 405', async () => {
  const head = await door.fetch('/metrics', { method: 'HEAD', ...as(readToken) });
  expect([head.status, await head.text()]).toEqual([200, '']);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    const response = await door.fetch('/metrics', { method, ...as(adminToken) });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
});

test('wrong tokens are counted, and a right one is answered all the same', async () => {
  await using guessed = await openDoor({ scrape, limits: { ...noLimits, failedToken: () => Promise.resolve(7) } });
  const refused = await guessed.fetch('/metrics', as('nobody-has-this-token-at-all'));
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7']);
  expect((await guessed.fetch('/metrics', as(readToken))).status).toBe(200);
});

test('where they have a port of their own, there is nothing here, whoever asks and however', async () => {
  await using other = await openDoor({ scrape: null });
  for (const init of [{}, as(readToken), { method: 'POST', ...as(adminToken) }, { headers: { accept: 'text/html' } }]) {
    expect((await other.fetch('/metrics', init)).status).toBe(404);
  }
});

test('a port of their own has them without a token, nothing else, and is free after its end', async () => {
  const http = await openHttp({ host: '127.0.0.1', port: 0, app: createMetricsApp(scrape) });
  const ask = async (path: string, init?: RequestInit) => await fetch(`${http.url}${path}`, init);
  try {
    const response = await ask('/metrics');
    expect([response.status, await response.text()]).toEqual([200, figures]);
    expect((await ask('/metrics', { method: 'HEAD' })).status).toBe(200);
    const posted = await ask('/metrics', { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    for (const path of ['/', '/graphql', '/metrics/', '/healthz']) expect((await ask(path)).status).toBe(404);
    const again = openHttp({ host: '127.0.0.1', port: http.port, setting: 'METRICS_PORT', app: door.app });
    await expect(again).rejects.toThrow(/EADDRINUSE.*set METRICS_PORT to a free one/);
  } finally {
    await http.close(0);
  }
  await (await openHttp({ host: '127.0.0.1', port: http.port, app: door.app })).close(0);
});

test('a port of their own has room for few: 8 requests and 32 connections of one client', async () => {
  const { promise: slow, resolve } = Promise.withResolvers<string>();
  const listener = await openListener({ host: '127.0.0.1', port: 0, limits: metricsLimits });
  let begun = 0;
  listener.serve(createMetricsApp(async () => ((begun += 1), await slow)));
  const sockets: Socket[] = [];
  const statuses: number[] = [];
  try {
    const answers = Array.from({ length: 9 }, async () => {
      statuses.push((await fetch(`${listener.url}/metrics`, { headers: { connection: 'close' } })).status);
    });
    await eventually(() => begun === 8 && statuses.length === 1);
    expect(statuses).toEqual([429]);
    resolve(figures);
    await Promise.all(answers);
    expect(statuses).toEqual([429, ...Array<number>(8).fill(200)]);
    for (let n = 0; n < 33; n += 1) {
      const socket = connect(listener.port, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
    }
    await eventually(() => sockets.filter(({ closed }) => closed).length === 1);
    expect(sockets[32]!.closed).toBe(true);
  } finally {
    for (const socket of sockets) socket.destroy();
    await listener.close(0);
  }
});

test.each([
  ['a query', '{ service { version } }', {}, 'query OK'],
  [
    'a mutation that its resolver refuses',
    'mutation { pauseWebhookEndpoint(id: "none") { id } }',
    {},
    'mutation NOT_FOUND',
  ],
  ['a query of nobody', '{ users { nodes { id } } }', { authorization: '' }, 'query UNAUTHENTICATED'],
  ['the publish token', '{ users { nodes { id } } }', { authorization: `Bearer ${publishToken}` }, 'query FORBIDDEN'],
  ['an unknown token', '{ __typename }', { authorization: 'Bearer nobody' }, 'query UNAUTHENTICATED'],
  ['a text that is no query', '{', {}, 'none GRAPHQL_PARSE_FAILED'],
  ['a field that there is not', '{ nothing }', {}, 'none GRAPHQL_VALIDATION_FAILED'],
])('GraphQL is counted by kind and code: %s', async (_, query, headers, expected) => {
  await door.ask(query, {}, headers);
  expect(door.counted).toEqual([expected]);
});

test('a wrong variable, and a query for which there is no room, are counted too', async () => {
  await door.ask('query ($id: ID!) { webhookEndpoint(id: $id) { id } }', { id: { no: 'id' } });
  expect(door.counted.splice(0)).toEqual(['query BAD_USER_INPUT']);
  const limits = { ...noLimits, refusedQueries: { waitOf: () => 9, count() {} } };
  await using full = await openDoor({ limits });
  await full.ask('{ __typename }', {}, { authorization: '' });
  expect(full.counted).toEqual(['none RATE_LIMITED']);
});
