// The names of the cookies, and which of those that a browser sends are ours.

import { describe, expect, test } from 'vitest';
import { createCookies } from '../../src/api/session-cookie.ts';

const key = 'k'.repeat(43);
const other = 'o'.repeat(43);

const places = [
  ['https://tidings.example.com', '__Host-tidings_session', '/', '__Host-tidings_browser'],
  ['https://tidings.example.com:8443', '__Host-tidings_session', '/', '__Host-tidings_browser'],
  ['https://example.com/tidings', 'tidings_session', '/tidings', '__Host-tidings_browser'],
  ['http://127.0.0.1:4000', 'tidings_session', '/', 'tidings_browser'],
  ['http://example.com/tidings', 'tidings_session', '/tidings', 'tidings_browser'],
] as const;

const sends = (cookie: string) => new Request('http://127.0.0.1/', { headers: { cookie } });

describe.each(places)('at %s', (publicUrl, session, path, browser) => {
  const cookies = createCookies(() => publicUrl);

  test(`the session is in ${session} with the path ${path}, and leaves by the same`, () => {
    const now = new Date();
    const set = cookies.session('t', new Date(now.getTime() + 60_000), now);
    for (const line of [set, cookies.noSession()]) {
      expect(line).toMatch(new RegExp(`^${session}=t?; Max-Age=(60|0); Path=${path};`));
      expect(line.includes('; Secure')).toBe(publicUrl.startsWith('https:'));
    }
    expect(cookies.keepBrowserKey(sends('')).setCookie).toMatch(new RegExp(`^${browser}=`));
  });

  const crowded: Record<string, (name: string) => string> = {
    'ours first': (name) => `${name}=${key}; ${name}=${other}`,
    'ours last': (name) => `a=b; ${name}=${other}; c=d; ${name}=${key}`,
    'the same twice': (name) => `${name}=${key}; ${name}=${key}`,
    'one empty': (name) => `${name}=; ${name}=${key}`,
    'one that no cookie can hold': (name) => `${name}="a b\\c"; ${name}=${key}`,
    'one with blanks and tabs around its name': (name) => `${name}=${key};\t${name} =${other}`,
  };
  test.each(Object.entries(crowded))('two cookies of a name are none: %s', (_, both) => {
    expect(cookies.sessionToken(sends(both(session)))).toBeUndefined();
    expect(cookies.browserKey(sends(both(browser)))).toBeNull();
    expect(cookies.keepBrowserKey(sends(both(browser))).key).not.toMatch(/^(k+|o+)$/);
  });

  test('two lines of cookies are one', () => {
    const headers = new Headers([
      ['cookie', `${session}=${key}`],
      ['cookie', `${session}=${other}`],
    ]);
    expect(cookies.sessionToken(new Request('http://127.0.0.1/', { headers }))).toBeUndefined();
  });

  test('one cookie counts, whatever comes beside it', () => {
    const besides = [`x${session}`, session.toUpperCase(), `${session}x`, `"${session}"`, 'session', `x=${session}`];
    const crowd = besides.map((name) => `${name}=${other}`).join('; ');
    expect(cookies.sessionToken(sends(`${crowd}; ${session}=${key}; ${session}; =${session}`))).toBe(key);
    expect(cookies.browserKey(sends(`${crowd}; ${browser} = ${key} `))).toBe(key);
  });

  // To a browser these are names of their own, without the prefix that protects ours.
  test.each(['\u00a0', '\u0085', '\u000b', '\u000c'])('white space %j before a name makes another name', (space) => {
    expect(cookies.sessionToken(sends(`a=b; ${space}${session}=${other}`))).toBeUndefined();
    expect(cookies.sessionToken(sends(`a=b; ${space}${session}=${other}; ${session}=${key}`))).toBe(key);
  });
});

test('a browser that was sent to the right host is not sent again, however many say so', () => {
  const cookies = createCookies(() => 'http://127.0.0.1:4000');
  expect(cookies.wasMoved(sends('tidings_moved=1; tidings_moved=1'))).toBe(true);
  expect(cookies.wasMoved(sends('tidings_moved2=1'))).toBe(false);
});

test.each([
  ['blanks before a name', (many: string) => `${many}x`],
  ['blanks in a name', (many: string) => `a${many}b; a${many}`],
  ['blanks in a value', (many: string) => `tidings_session=x${many}y${many}`],
  ['one pair after another', (many: string) => many.replaceAll(' ', ';=')],
])('a header of 16 KiB with %s is read within milliseconds', (_, cookie) => {
  const cookies = createCookies(() => 'http://127.0.0.1:4000');
  const request = sends(`a=b; ${cookie(' '.repeat(8_000))}; c=d`);
  const begin = performance.now();
  cookies.sessionToken(request);
  cookies.browserKey(request);
  cookies.wasMoved(request);
  expect(performance.now() - begin).toBeLessThan(250);
});
