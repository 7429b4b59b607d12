// Which paths reach a route: those that are written as the route is, and no other spelling of them.

import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Http, openHttp } from '../../src/api/server.ts';
import { connectRaw, statusesIn } from './raw-connection.ts';

let http: Http;
beforeAll(async () => {
  const app = new Hono()
    .get('/graphql', (c) => c.text('reached'))
    .get('/oauth/:provider', (c) => c.text(`provider ${c.req.param('provider')}`))
    .get('/view/:name', (c) => c.text(`view ${c.req.param('name')}`));
  http = await openHttp({ host: '127.0.0.1', port: 0, app });
});
afterAll(async () => await http[Symbol.asyncDispose]());

async function ask(target: string, headers = 'Host: x'): Promise<{ status: number | undefined; body: string }> {
  const one = await connectRaw(http.port);
  one.send(`GET ${target} HTTP/1.1\r\n${headers}${headers && '\r\n'}Connection: close\r\n\r\n`);
  const { text } = await one.ended;
  return { status: statusesIn(text)[0], body: text.slice(text.indexOf('\r\n\r\n') + 4) };
}

test.each([
  '/oauth/%2e%2e/graphql',
  '/oauth/%2E./graphql',
  '/oauth/.%2e/graphql',
  '/oauth/../graphql',
  '/oauth/x/../../graphql',
  '/./graphql',
  '/graphql/.',
  '/graphql/..',
  '/%2e/graphql',
  '/oauth/..%2fgraphql',
  '/oauth%2f..%2fgraphql',
  '/oauth%2Fgoogle',
  '/oauth/..\\graphql',
  '\\graphql',
  '/oauth/%5c..%5cgraphql',
  '/%67raphql',
  '/graph%71l',
  '/oauth/%67oogle',
  '/graphql%00',
  '/graphql%0a',
  '/graphql%',
  '/graphql%zz',
  '/graphql#x',
  'http://x/oauth/%2e%2e/graphql',
  'HTTP://X/oauth/../graphql',
  'http://x\\graphql',
])('the path %s reaches nothing', async (target) => {
  expect((await ask(target)).status).toBe(400);
});

test.each(['/graphql/', '//graphql', '/Graphql', '/graphql;x', '/oauth//graphql', '/graphql%252f', '/graphql%20'])(
  'the path %s is another one, where there is nothing',
  async (target) => {
    expect((await ask(target)).status).toBe(404);
  },
);

test.each([
  ['/graphql', 'reached'],
  ['/graphql?query=%7B__typename%7D&at=../%2e%2f%5c', 'reached'],
  ['http://x/graphql', 'reached'],
  ['HTTP://x:80/graphql?a=b', 'reached'],
  ['/oauth/google', 'provider google'],
  ['/view/%C3%A9t%C3%A9', 'view été'],
  ['/view/a%20b%3Fc%23d', 'view a b?c#d'],
  ['/view/50%25', 'view 50%'],
  ['/view/a.b..c', 'view a.b..c'],
])('the path %s is taken as it came', async (target, body) => {
  expect(await ask(target)).toEqual({ status: 200, body });
});

test.each([
  'Host: x\r\nHost: x',
  'Host: x\r\nHOST: y',
  '',
  'Host:',
  'Host: x y',
  'Host: x/y',
  'Host: x?y',
  'Host: x#y',
  'Host: someone@x',
  'Host: x,y',
  'Host: http://x',
  'Host: x:y',
  'Host: x:99999',
  'Host: [::1',
  'Host: [::::]',
  'Host: 999.1.1.1',
  'Host: 1.2.3.08',
  'Host: 1.2.3.4.5',
  'Host: %78',
  'Host: x\\y',
])('a request with %j is refused', async (headers) => {
  expect((await ask('/graphql', headers)).status).toBe(400);
});

test.each(['Host: x y', 'Host: someone@x', 'Host: x\r\nHost: x'])(
  'a whole URL as the target excuses no %j',
  async (headers) => {
    expect((await ask('http://x/graphql', headers)).status).toBe(400);
  },
);

test.each(['http://someone@x/graphql', 'http:///graphql', 'http://x,y/graphql', 'http://x:99999/graphql'])(
  'the target %s names no host of ours',
  async (target) => {
    expect((await ask(target)).status).toBe(400);
  },
);

test.each(['Host: example.com.', 'Host: EXAMPLE.com:4000', 'Host: a_b.example', 'Host: [::1]:4000', 'Host: 192.0.2.1'])(
  'a request with %j is answered',
  async (headers) => {
    expect((await ask('/graphql', headers)).status).toBe(200);
  },
);
