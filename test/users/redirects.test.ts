// A sign-in ends where the operator allows it, whatever a link in a mail says.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { acceptRedirect } from '../../src/users/redirects.ts';

const publicUrl = 'https://tidings.example/base';
const allowed = ['https://app.example.com', 'http://localhost:3000'];
const accept = (wanted: string) => acceptRedirect(wanted, publicUrl, allowed);

test.each([
  ['/', 'https://tidings.example/'],
  ['/welcome?tab=1#top', 'https://tidings.example/welcome?tab=1#top'],
  ['/a?next=https://evil.example', 'https://tidings.example/a?next=https://evil.example'],
  // Still a path of ours once it has a host before it.
  ['/..//evil.example', 'https://tidings.example//evil.example'],
  ['/.//evil.example', 'https://tidings.example//evil.example'],
  ['/%2f%2fevil.example', 'https://tidings.example/%2f%2fevil.example'],
  ['/ü', 'https://tidings.example/%C3%BC'],
  ['https://tidings.example', 'https://tidings.example/'],
  ['https://tidings.example:443/x', 'https://tidings.example/x'],
  ['HTTPS://App.Example.com/x', 'https://app.example.com/x'],
  ['http://localhost:3000/callback?a=b', 'http://localhost:3000/callback?a=b'],
])('%s is accepted as %s', (wanted, url) => {
  expect(accept(wanted)).toBe(url);
});

test.each([
  '',
  ' ',
  'x',
  '.',
  '?a=b',
  '#top',
  'evil.example',
  '//evil',
  '//evil.example/x',
  '///evil.example',
  '////evil.example',
  '/\\evil',
  '\\\\evil',
  '\\/evil',
  '/\t/evil',
  '/\n/evil',
  '\t//evil',
  ' //evil',
  '/ok ',
  '/%0d%0aSet-Cookie:x=y',
  '/%0D%0ASet-Cookie',
  '/a%00b',
  '/a\r\nSet-Cookie: x=y',
  '/a\0',
  '/a\u0085b',
  '/a\ud800',
  'https:evil',
  'https:/evil',
  'https:tidings.example',
  'https:///tidings.example',
  'https://tidings.example\\@evil.example',
  'https:\\\\tidings.example',
  'javascript:alert(1)',
  'JavaScript://tidings.example/%0aalert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'ftp://tidings.example/',
  'blob:https://tidings.example/x',
  'https://evil.example',
  'https://tidings.example.evil.example',
  'https://app.example.com.evil',
  'https://evil.example/https://app.example.com',
  'https://app.example.com@evil.example',
  'https://evil.example#https://app.example.com',
  'https://evil.example?https://app.example.com',
  'https://user@app.example.com',
  'https://user:pass@tidings.example/',
  'http://tidings.example',
  'http://app.example.com',
  'https://app.example.com:8443',
  'http://localhost:3001',
  'http://127.0.0.1:3000',
  'https://sub.app.example.com',
  'https://example.com',
  'https://xapp.example.com',
  'https://app.example.com.',
  'https://[::1]/',
  'https://tidings.example:99999/',
  'null',
  `/${'a'.repeat(2_000)}`,
])('%j is refused', (wanted) => {
  expect(() => accept(wanted)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
});

test('an accepted URL has an allowed origin, and is the same wherever it is read', () => {
  const piece = fc.constantFrom(
    ...['/', '//', '\\', ':', '@', '.', '?', '#', '%2f', '%5c', '%0a', '\t', ' ', 'https', 'http:', 'javascript:'],
    ...['evil.example', 'tidings.example', 'app.example.com', 'a', '\u2028', '\u3002', '\uff0f'],
  );
  const wanted = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 9 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(wanted, (text) => {
      let url: string;
      try {
        url = accept(text);
      } catch {
        return;
      }
      expect(url).toMatch(
        /^(https:\/\/tidings\.example|https:\/\/app\.example\.com|http:\/\/localhost:3000)(\/[!-~]*)?$/,
      );
      expect(accept(url)).toBe(url);
    }),
    { numRuns: 5_000 },
  );
});
