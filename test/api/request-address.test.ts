import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServedDoor, adminToken, serveDoor } from './door.ts';

let door: ServedDoor;
beforeAll(async () => {
  door = await serveDoor();
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
});

/** The status and the body that a request gets which is written as it stands. */
async function ask(head: string, body = ''): Promise<{ status: number; body: string }> {
  const socket = connect(door.http.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.write(`${head}\r\nconnection: close\r\n\r\n${body}`);
  await once(socket, 'close');
  const [headers = '', content = ''] = answer.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(headers)?.[1]), body: content };
}

const ready = JSON.stringify({ status: 'ready', checks: { postgres: { ok: true } } });

test.each([
  ['GET /readyz HTTP/1.0', ready],
  ['GET /healthz HTTP/1.0', '{"status":"ok"}'],
  ['HEAD /readyz HTTP/1.0', ''],
  ['HEAD /healthz HTTP/1.0', ''],
  ['GET /readyz?verbose HTTP/1.0', ready],
  ['GET /readyz HTTP/1.0\r\nHost: x', ready],
  ['GET http://x/readyz HTTP/1.0', ready],
  ['GET http://x/readyz HTTP/1.1\r\nHost: y', ready],
  ['GET HTTP://X/readyz HTTP/1.1\r\nHost: x', ready],
  ['GET https://x:8443/readyz HTTP/1.1\r\nHost: x:8443', ready],
  ['GET /readyz HTTP/1.1\r\nHost: [::1]:4000', ready],
])('%j is answered with 200, whatever it says of its host', async (head, body) => {
  expect(await ask(head)).toEqual({ status: 200, body });
});

test('an HTTP/1.0 request without a host reaches the API too', async () => {
  const body = JSON.stringify({ query: '{ users { totalCount } }' });
  const headers = [
    'content-type: application/json',
    `content-length: ${body.length}`,
    `authorization: Bearer ${adminToken}`,
  ];
  expect(await ask(['POST /graphql HTTP/1.0', ...headers].join('\r\n'), body)).toEqual({
    status: 200,
    body: '{"data":{"users":{"totalCount":0}}}',
  });
});

test.each([
  'GET /readyz HTTP/1.1',
  'HEAD /readyz HTTP/1.1',
  'GET http://x/readyz HTTP/1.1',
  'GET /readyz HTTP/1.1\r\nHost:',
  'GET /readyz HTTP/1.1\r\nHost: x\r\nHost: y',
  'GET /readyz HTTP/1.0\r\nHost: x\r\nhOST: x',
  'GET /readyz HTTP/1.1\r\nHost: x y',
  'GET /readyz HTTP/1.1\r\nHost: someone@x',
  'GET /readyz HTTP/1.1\r\nHost: x/y',
  'GET /readyz HTTP/1.1\r\nHost: x:99999',
  'GET http://someone@x/readyz HTTP/1.1\r\nHost: x',
  'GET http://someone:else@x/graphql?query={__typename} HTTP/1.1\r\nHost: x',
  'GET ftp://x/readyz HTTP/1.1\r\nHost: x',
  'GET /oauth/%2e%2e/graphql?query={__typename} HTTP/1.1\r\nHost: x',
  'GET http://x/oauth/../graphql?query={__typename} HTTP/1.1\r\nHost: x',
])('%j is answered with 400', async (head) => {
  expect((await ask(head)).status).toBe(400);
  expect(door.logged.join()).not.toContain('unexpectedly');
});

test('TRACE is not allowed, and no error of ours', async () => {
  expect((await ask('TRACE /readyz HTTP/1.1\r\nHost: x')).status).toBe(405);
  expect(door.logged.join()).not.toContain('unexpectedly');
});
