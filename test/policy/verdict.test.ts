import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mayDefer, verdictOf } from '../../src/policy/verdict.ts';

test('property 5: over all status codes, exactly 2xx is success', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), (status) => {
      expect(verdictOf(status) === 'delivered').toBe(String(status).startsWith('2'));
    }),
    { numRuns: 2_000 },
  );
  const delivered = Array.from({ length: 900 }, (_, index) => index + 100).filter(
    (status) => verdictOf(status) === 'delivered',
  );
  expect(delivered).toEqual(Array.from({ length: 100 }, (_, index) => index + 200));
});

test('410 alone says that the endpoint is gone, and no answer is a failure', () => {
  const gone = Array.from({ length: 900 }, (_, index) => index + 100).filter((status) => verdictOf(status) === 'gone');
  expect(gone).toEqual([410]);
  expect(verdictOf(null)).toBe('failed');
});

test('Retry-After counts on 429 and 503 alone', () => {
  const codes = Array.from({ length: 900 }, (_, index) => index + 100).filter(mayDefer);
  expect(codes).toEqual([429, 503]);
});
