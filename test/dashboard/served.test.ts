// The dashboard's page and files as the service answers them.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dashboardRoutes } from '../../src/api/dashboard.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

const script = 'console.log("the page");';
let folder: string;
beforeAll(async () => {
  folder = parts.use(await scratchDirectory()).path;
});

/** As the service has it: what no route knows is a view, or nothing. */
function served(publicUrl = 'http://127.0.0.1:4000') {
  const providers = [{ id: 'demo', name: '<Demo> "one"' }];
  const { routes, pageAt } = dashboardRoutes({ publicUrl: () => publicUrl, providers, folder });
  const app = new Hono().route('/', routes).notFound(async (c) => (await pageAt(c)) ?? c.text('nothing', 404));
  return async (path: string, headers: Record<string, string> = { accept: 'text/html,*/*;q=0.8' }, method = 'GET') =>
    await app.request(path, { headers, method });
}

test('a dashboard that is not built says what to run, and is served once it is built', async () => {
  const ask = served();
  const before = await ask('/');
  expect([before.status, await before.text()]).toEqual([503, expect.stringContaining('make setup')]);

  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'assets', 'page-abc.js'), script);
  const head = '<head><meta charset="utf-8" /><meta name="color-scheme" content="light dark" />';
  await writeFile(join(folder, 'index.html'), `${head}<script src="./assets/page-abc.js"></script></head>`);
  expect((await ask('/')).status).toBe(200);
});

test.each([
  ...['/', '/endpoints', '/endpoints/crm', '/deliveries?status=FAILED', '/event-types/user.created', '/no/such/view'],
])('a browser that opens %s gets the page, under a policy without anything inline', async (path) => {
  const response = await served()(path);
  const { headers } = response;
  expect([response.status, headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
  expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
  expect(headers.get('content-security-policy')).not.toMatch(/unsafe|http|\*/);
  expect(headers.get('cache-control')).toBe('no-cache');
  const again = await served()(path, { accept: 'text/html', 'if-none-match': headers.get('etag')! });
  expect([again.status, await again.text()]).toEqual([304, '']);
});

test.each([
  ['/endpoints', { accept: 'application/json' }],
  ['/endpoints', {}],
  ['/endpoints', { accept: '*/*' }],
  ['/assets/gone-abc.js', { accept: 'text/html' }],
  ['/favicon.ico', { accept: 'text/html' }],
  ['/events/user.created', { accept: 'text/html' }],
])('%s asked with %o is nothing', async (path, headers: Record<string, string>) => {
  expect((await served()(path, headers)).status).toBe(404);
});

test('nothing but reading a view gets the page', async () => {
  expect((await served()('/endpoints', { accept: 'text/html' }, 'POST')).status).toBe(404);
});

test('a file is kept by the browser for good, and comes compressed to who takes that', async () => {
  const plain = await served()('/assets/page-abc.js', {});
  expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect([plain.headers.get('content-type'), await plain.text()]).toEqual(['text/javascript; charset=utf-8', script]);
  const zipped = await served()('/assets/page-abc.js', { 'accept-encoding': 'gzip' });
  expect(gunzipSync(await zipped.bytes()).toString()).toBe(script);
});

test('the page is told where it is reached and by what people sign in, as text', async () => {
  const text = await (await served('https://example.com/tidings')('/')).text();
  expect(text).toMatch('<base href="/tidings/" />');
  expect(text).toMatch('<meta name="provider" content="demo" data-name="&lt;Demo&gt; &quot;one&quot;" />');
  expect(text.indexOf('<base')).toBeLessThan(text.indexOf('./assets/'));
});
