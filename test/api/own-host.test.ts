// A sign-in begins at PUBLIC_URL's host name, whatever name of the service it was asked at.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulatedProvider } from '../users/simulated-provider.ts';
import { type Door, openDoor } from './door.ts';
import { cookiesOf, html, json } from './shim.ts';

const publicUrl = 'http://127.0.0.1:4000';
const google = simulatedProvider('google');

let door: Door;
let proxied: Door;
let below: Door;
beforeAll(async () => {
  const providers = [google];
  door = await openDoor({ publicUrl, providers });
  proxied = await openDoor({ publicUrl: 'https://tidings.example.com', providers, trustProxy: true });
  below = await openDoor({ publicUrl: 'https://example.com/tidings', providers });
});
afterAll(async () => {
  for (const one of [door, proxied, below]) await one[Symbol.asyncDispose]();
});

/** As a browser asks at this address. */
async function get(at: Door, url: string, headers: Record<string, string> = html): Promise<Response> {
  return await at.app.fetch(new Request(url, { headers }));
}
const ledTo = (response: Response) => [response.status, response.headers.get('location')];

test.each([
  'http://localhost:4000/oauth/google',
  'http://localhost:4000/oauth/google?redirect_to=/a%3Fb%3Dc',
  'http://LOCALHOST:4000/oauth/google?link=1',
  'http://[::1]:4000/oauth/google?invitation=0123456789abcdefghijkl',
  'http://127.0.0.2:4000/oauth/google',
  'http://my-machine.local:4000/oauth/google',
])('%s is sent to the host of PUBLIC_URL first, with its path and query', async (url) => {
  const { pathname, search } = new URL(url);
  for (const headers of [html, json]) {
    const response = await get(door, url, headers);
    expect(ledTo(response)).toEqual([302, `${publicUrl}${pathname}${search}`]);
    expect(Object.keys(cookiesOf(response))).toEqual(['tidings_moved']);
  }
});

test('a sign-in begun at localhost ends signed in, where PUBLIC_URL says 127.0.0.1', async () => {
  const moved = await get(door, 'http://localhost:4000/oauth/google?redirect_to=/done');
  const away = await get(door, moved.headers.get('location')!);
  const state = new URL(away.headers.get('location')!).searchParams.get('state')!;
  const cookie = `tidings_browser=${cookiesOf(away)['tidings_browser']!.value}`;
  const answer = google.answerFor(state, { subject: 'local' });
  const back = await get(door, `${publicUrl}/oauth/google/callback?${answer}`, { ...html, cookie });
  expect(ledTo(back)).toEqual([303, `${publicUrl}/done`]);
});

test.each([
  [() => door, 'http://127.0.0.1:4000/oauth/google', {}],
  // Cookies do not know ports.
  [() => door, 'http://127.0.0.1:9999/oauth/google', {}],
  [() => below, 'https://EXAMPLE.com/oauth/google', {}],
  [() => proxied, 'http://10.0.0.7:4000/oauth/google', { 'x-forwarded-host': 'tidings.example.com' }],
  [() => proxied, 'http://10.0.0.7:4000/oauth/google', { 'x-forwarded-host': 'evil.example, Tidings.Example.com:443' }],
])('a request at the host of PUBLIC_URL goes to the provider', async (at, url, headers) => {
  const response = await get(at(), url, { ...html, ...headers });
  expect(ledTo(response)).toEqual([302, expect.stringMatching(/^https:\/\/google\.example\//)]);
});

test('below a path the browser is sent below it', async () => {
  const response = await get(below, 'http://localhost:4000/oauth/google?link=1');
  expect(ledTo(response)).toEqual([302, 'https://example.com/tidings/oauth/google?link=1']);
});

test('a forwarded name counts only from a proxy that is trusted, and one that is no name leads to PUBLIC_URL', async () => {
  const forwarded = { ...html, 'x-forwarded-host': '127.0.0.1:4000' };
  expect(ledTo(await get(door, 'http://localhost:4000/oauth/google', forwarded))[1]).toBe(`${publicUrl}/oauth/google`);
  for (const host of ['localhost', '', 'a b']) {
    const response = await get(proxied, 'https://tidings.example.com/oauth/google', {
      ...html,
      'x-forwarded-host': host,
    });
    expect(ledTo(response)).toEqual([302, 'https://tidings.example.com/oauth/google']);
  }
});

test('behind a proxy that passes another name on, no browser goes in circles', async () => {
  const first = await get(door, 'http://upstream/oauth/google');
  const { value, flags } = cookiesOf(first)['tidings_moved']!;
  expect(flags).toContain('Max-Age=5');
  const second = await get(door, 'http://upstream/oauth/google', { ...html, cookie: `tidings_moved=${value}` });
  expect(ledTo(second)).toEqual([302, expect.stringMatching(/^https:\/\/google\.example\//)]);
});
