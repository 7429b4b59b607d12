import { expect, test } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { openReceiver, openScriptedReceiver } from '../support/receiver/receiver.ts';
import type { Reply } from '../support/receiver/reply.ts';

const names = (headers: string | null) => (JSON.parse(headers!) as [string, string][]).map(([name]) => name);

/** What is kept of an answer that is written as it stands, text in Latin-1. */
async function answered(text: string) {
  const script = { when: 'request' as const, everywhere: true, steps: [{ write: text }, 'end' as const] };
  await using endpoint = await openScriptedReceiver({ script });
  await using connections = openConnections();
  const { errorMessage, responseHeaders } = await deliver(connections, attemptAt(endpoint.url));
  return { errorMessage, headers: responseHeaders && (JSON.parse(responseHeaders) as [string, string][]) };
}

test.each([
  [200, null],
  [204, null],
  [302, [['location', '/elsewhere']]],
  [404, []],
  [410, [['x-gone', 'since May']]],
  [503, [['retry-after', '120']]],
])('after a %i the headers kept are %j', async (status, expected) => {
  const headers = Object.fromEntries(expected ?? [['x-fine', 'yes']]);
  await using endpoint = await openReceiver({ reply: (): Reply => ({ status, headers }) });
  await using connections = openConnections();
  const { responseHeaders } = await deliver(connections, attemptAt(endpoint.url));
  if (expected === null) expect(responseHeaders).toBeNull();
  else expect(names(responseHeaders)).toEqual(expect.arrayContaining(expected.map(([name]) => name)));
});

test('headers of interim answers are not those of the final one', async () => {
  const { headers } = await answered(
    'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 500 No\r\nx-final: 1\r\ncontent-length: 0\r\n\r\n',
  );
  expect(headers).toEqual([
    ['x-final', '1'],
    ['content-length', '0'],
  ]);
});

test('a header that came twice is kept twice, folded blanks are gone, and bytes beyond ASCII are text', async () => {
  const head = 'X-A: 1\r\nx-a:   2  \r\nSet-Cookie: id=7\r\nx-latin: caf\xe9\r\nx-utf8: caf\xc3\xa9\r\nx-none:\r\n';
  const { headers } = await answered(`HTTP/1.1 500 No\r\n${head}content-length: 0\r\n\r\n`);
  expect(headers).toEqual([
    ['x-a', '1'],
    ['x-a', '2'],
    ['set-cookie', '[redacted]'],
    ['x-latin', 'café'],
    ['x-utf8', 'café'],
    ['x-none', ''],
    ['content-length', '0'],
  ]);
});

test('of thousands of headers the first 50 are kept, and of one of 60 KiB its first 8', async () => {
  const many = Array.from({ length: 4_000 }, (_, index) => `h${index}: v\r\n`).join('');
  const { headers } = await answered(`HTTP/1.1 500 No\r\n${many}content-length: 0\r\n\r\n`);
  expect(headers).toHaveLength(50);
  const large = await answered(`HTTP/1.1 500 No\r\nx: ${'y'.repeat(60 * 1024)}\r\ncontent-length: 0\r\n\r\n`);
  expect(large.headers).toEqual([['x', 'y'.repeat(8_191)]]);
});

test.each([
  ['10,000 headers', 'h: v1234567\r\n'.repeat(10_000)],
  ['a NUL in a value', 'x: a\0b\r\n'],
  ['a control character in a value', 'x: a\x07b\r\n'],
  ['a name that is none', 'x y: a\r\n'],
])('an answer with %s is a failed attempt without headers', async (_, head) => {
  const { errorMessage, headers } = await answered(`HTTP/1.1 500 No\r\n${head}content-length: 0\r\n\r\n`);
  expect([headers, errorMessage]).toEqual([null, expect.stringMatching(/^protocol: /)]);
});
