import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Door, openDoor } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

test('a browser at /graphql is redirected to /graphiql with its query, and a program is answered', async () => {
  const moved = await door.fetch('/graphql?query={__typename}', { headers: { accept: browser } });
  expect([moved.status, moved.headers.get('location')]).toEqual([302, '/graphiql?query={__typename}']);
  const answered = await door.fetch('/graphql?query={__typename}', { headers: { accept: 'application/json' } });
  expect(await answered.json()).toEqual({ data: { __typename: 'Query' } });
});

test.each([
  'text/html;q=0, application/json',
  'text/html;q=0.1, application/json',
  'application/graphql-response+json;q=0.9, text/html;q=0.8',
])('a program that accepts %s is answered', async (accept) => {
  const answered = await door.fetch('/graphql?query={__typename}', { headers: { accept } });
  expect(await answered.json()).toEqual({ data: { __typename: 'Query' } });
});

test('the type of an answer is the one that the client likes best', async () => {
  const typeFor = async (accept: string) =>
    (await door.fetch('/graphql?query={__typename}', { headers: { accept } })).headers.get('content-type');
  expect(await typeFor('application/json;q=0.2, application/graphql-response+json;q=0.3')).toMatch('graphql-response');
  expect(await typeFor('application/graphql-response+json;q=0.2, application/json;q=0.3')).toMatch('application/json');
  expect(await typeFor('application/json;q=0, */*')).toMatch('graphql-response');
});

test('the page is whole and compressed, and is not sent again to a browser that has it', async () => {
  const first = await door.fetch('/graphiql', { headers: { 'accept-encoding': 'gzip, br' } });
  expect(first.headers.get('content-encoding')).toBe('gzip');
  const html = gunzipSync(await first.bytes()).toString();
  expect(html).toContain('Tidings GraphiQL');
  // Nothing is loaded from anywhere.
  expect(html.slice(0, html.indexOf('<style>'))).not.toMatch(/(src|href)="(https?:)?\/\//);

  const etag = first.headers.get('etag')!;
  const again = await door.fetch('/graphiql', { headers: { 'if-none-match': etag } });
  expect([again.status, await again.text()]).toEqual([304, '']);

  const plain = await door.fetch('/graphiql', { headers: { 'accept-encoding': 'gzip;q=0' } });
  expect(plain.headers.get('content-encoding')).toBeNull();
  expect(await plain.text()).toBe(html);
});

test('the prepared operations are its tabs', async () => {
  const html = await (await door.fetch('/graphiql')).text();
  for (const name of ['query Endpoints', 'query FailedDeliveries', 'mutation CreateUser', 'mutation Reload']) {
    expect(html).toMatch(new RegExp(`\\\\n${name}\\(`));
  }
});

test('its content security policy allows what is in the page and this origin, and nothing else', async () => {
  const { headers } = await door.fetch('/graphiql');
  const policy = headers.get('content-security-policy')!;
  expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';/);
  expect(policy).toContain('worker-src blob:');
  expect(policy).not.toContain('http');
});

test('its code is loaded only when somebody asks for the page', async () => {
  const app = new URL('../../src/api/app.ts', import.meta.url);
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({ load(url, context, next) { if (url.includes('render-graphiql')) console.log(url); return next(url, context); } });
    await import(${JSON.stringify(app.href)});
    console.log('loaded');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  expect(stdout.trim()).toBe('loaded');
});
