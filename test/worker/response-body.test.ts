import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createResponseBody } from '../../src/worker/response-body.ts';

function keep(...chunks: Uint8Array[]): string | null {
  const body = createResponseBody();
  for (const chunk of chunks) body.take(Buffer.from(chunk));
  return body.text();
}

test('text longer than 1 KiB is cut at a character: the longest prefix that fits', () => {
  const text = fc
    .string({ unit: 'grapheme', minLength: 300, maxLength: 1200 })
    .map((some) => some.replaceAll('\0', ''));
  fc.assert(
    fc.property(text, (whole) => {
      let expected = '';
      for (const character of whole) {
        if (Buffer.byteLength(expected + character) > 1024) break;
        expected += character;
      }
      expect(keep(Buffer.from(whole))).toBe(expected);
    }),
  );
});

test('whatever the bytes and however they come, the text is storable and the same', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), fc.nat({ max: 2000 }), (bytes, at) => {
      const text = keep(bytes.subarray(0, at), bytes.subarray(at))!;
      expect(text).toBe(keep(bytes));
      expect(text).not.toContain('\0');
      expect(text.isWellFormed()).toBe(true);
      expect(text.length).toBeLessThanOrEqual(1024);
    }),
  );
});

test('a body up to 64 KiB beyond what is kept is read to its end, a longer one is not', () => {
  const body = createResponseBody();
  expect(body.take(Buffer.alloc(65 * 1024))).toBe(true);
  expect(body.take(Buffer.alloc(1))).toBe(false);
});

test('no body is null, and one of NULs alone is empty', () => {
  expect(keep()).toBe(null);
  expect(keep(new Uint8Array(5))).toBe('');
});
