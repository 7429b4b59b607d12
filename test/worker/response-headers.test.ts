import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keptHeaders } from '../../src/worker/response-headers.ts';

type Header = [name: string, value: string | Buffer];

const kept = (...headers: Header[]) =>
  JSON.parse(keptHeaders(headers.flat().map((text) => Buffer.from(text as string, 'latin1')))) as [string, string][];
const bytesOf = (headers: readonly string[][]) => Buffer.byteLength(headers.flat().join(''));

test('headers are kept in the order in which they came, each as often as it came, names in lower case', () => {
  expect(kept(['X-B', '1'], ['A', ''], ['x-b', '2'])).toEqual([
    ['x-b', '1'],
    ['a', ''],
    ['x-b', '2'],
  ]);
});

test('values that may be credentials are not kept', () => {
  expect(kept(['Set-Cookie', 'a=b'], ['WWW-Authenticate', 'Bearer error="invalid_token"'], ['X-Api-Key', 'k'])).toEqual(
    [
      ['set-cookie', '[redacted]'],
      ['www-authenticate', 'Bearer error="invalid_token"'],
      ['x-api-key', '[redacted]'],
    ],
  );
});

test('the first 50 are kept', () => {
  const sent = Array.from({ length: 51 }, (_, index): Header => [`x-${index}`, String(index)]);
  expect(kept(...sent)).toEqual(sent.slice(0, 50));
});

test('the value that goes beyond 8 KiB is cut, and what follows is left out; exactly 8 KiB are whole', () => {
  const [name, rest] = ['x', 8 * 1024 - 'xx-afterlast'.length];
  const behind = (length: number) => kept([name, 'v'.repeat(length)], ['x-after', 'last'], ['', '']).slice(1);
  expect(behind(rest)).toEqual([
    ['x-after', 'last'],
    ['', ''],
  ]);
  expect(behind(rest + 1)).toEqual([['x-after', 'las']]);
  expect(behind(rest + 5)).toEqual([]);
  expect(kept([name, 'v'.repeat(8_191)], ['y', ''])).toEqual([[name, 'v'.repeat(8_191)]]);
  expect(kept([name, 'v'.repeat(8_190)], ['y', 'z'], ['z', ''])).toEqual([
    [name, 'v'.repeat(8_190)],
    ['y', ''],
  ]);
});

test('a value that is UTF-8 is read as it, and any other as ISO 8859-1', () => {
  expect(kept(['a', Buffer.from('é 🚀')], ['b', Buffer.from([0xe9, 0x80, 0xff])])).toEqual([
    ['a', 'é 🚀'],
    ['b', 'é\u0080ÿ'],
  ]);
});

test('a value is cut at a character', () => {
  const value = `${'v'.repeat(8_188)}🚀`;
  expect(kept(['x', Buffer.from(value)])).toEqual([['x', 'v'.repeat(8_188)]]);
});

test('whatever comes, what is kept is within the limits, and text that Postgres stores', () => {
  const bytes = fc.uint8Array({ maxLength: 600 }).map((value) => Buffer.from(value));
  const name = fc.string({ unit: fc.constantFrom('a', 'B', '-', '7'), minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.array(fc.tuple(name, bytes), { maxLength: 70 }), (sent) => {
      const text = keptHeaders(sent.flatMap(([one, value]) => [Buffer.from(one), value]));
      expect(text).not.toContain('\0');
      expect(text.isWellFormed()).toBe(true);
      const headers = JSON.parse(text) as [string, string][];
      expect(headers.length).toBeLessThanOrEqual(50);
      expect(bytesOf(headers)).toBeLessThanOrEqual(8 * 1024);
      expect(headers.map(([one]) => one)).toEqual(sent.slice(0, headers.length).map(([one]) => one.toLowerCase()));
    }),
    { numRuns: 200 },
  );
});
