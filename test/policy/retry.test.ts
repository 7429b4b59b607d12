import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs, decideAfterFailure, givesUpAfterMs, parseRetryAfter } from '../../src/policy/retry.ts';

const weekMs = 7 * 24 * 3600 * 1000;
const delay = fc.integer({ min: 1, max: weekMs });

/** base * 2^k in whole numbers that cannot overflow. */
function exactBackoff(k: number, base: number, most: number): number {
  const exact = BigInt(base) << BigInt(k);
  return exact > BigInt(most) ? most : Number(exact);
}

test('property 6: the wait before retry k is base * 2^k, capped, for any k', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5_000 }), delay, delay, (k, base, most) => {
      expect(backoffMs(k, base, most)).toBe(exactBackoff(k, base, most));
    }),
  );
});

test('with the defaults of 1 s and 1 h the waits are 1, 2, 4, 8 and 16 s', () => {
  expect([0, 1, 2, 3, 4].map((k) => backoffMs(k, 1_000, 3_600_000))).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
});

const skips = { gone: false, onExhausted: 'skip' } as const;

test('property 6: an event that always fails is attempted max_retries + 1 times, with the right wait after each but the last', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 }), delay, delay, (maxRetries, baseDelayMs, maxDelayMs) => {
      const waits: number[] = [];
      for (let attempt = 1; ; attempt += 1) {
        const limits = { maxRetries, baseDelayMs, maxDelayMs, retryAfterMs: null, ...skips };
        const decision = decideAfterFailure({ attempt, ...limits });
        if (decision.status === 'failed') {
          expect(attempt).toBe(maxRetries + 1);
          break;
        }
        waits.push(decision.waitMs);
      }
      expect(waits).toEqual(waits.map((_, k) => exactBackoff(k, baseDelayMs, maxDelayMs)));
    }),
  );
});

const failure = { attempt: 2, maxRetries: 5, baseDelayMs: 1_000, maxDelayMs: 60_000, retryAfterMs: null, ...skips };

test('max_retries lowered below what was spent makes the attempt the last', () => {
  expect(decideAfterFailure({ ...failure, attempt: 5, maxRetries: 2 })).toEqual({ status: 'failed' });
});

test.each([
  [null, 2_000],
  [0, 2_000],
  [1_999, 2_000],
  [30_000, 30_000],
  [60_001, 60_000],
  [Number.MAX_SAFE_INTEGER, 60_000],
])('asked to wait %s ms where the backoff is 2000 and the cap 60000, it waits %s', (retryAfterMs, waitMs) => {
  expect(decideAfterFailure({ ...failure, retryAfterMs })).toEqual({ status: 'retrying', waitMs, pause: null });
});

test('property 6: a wait is never above max_delay and never below the capped backoff', () => {
  const retryAfter = fc.oneof(fc.constant(null), fc.maxSafeNat());
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), delay, delay, retryAfter, (attempt, base, most, retryAfterMs) => {
      const limits = { maxRetries: 100, baseDelayMs: base, maxDelayMs: most, retryAfterMs, ...skips };
      const decision = decideAfterFailure({ attempt, ...limits });
      if (decision.status !== 'retrying') throw new Error('the retries were spent too early');
      expect(decision.waitMs).toBeLessThanOrEqual(most);
      expect(decision.waitMs).toBeGreaterThanOrEqual(exactBackoff(attempt - 1, base, most));
    }),
  );
});

test('a 410 is retrying whatever its number: its event stays the head, and no retry is spent', () => {
  const exhaustions = fc.constantFrom('skip' as const, 'hold' as const);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.nat({ max: 100 }),
      exhaustions,
      (attempt, maxRetries, onExhausted) => {
        const decision = decideAfterFailure({ ...failure, attempt, maxRetries, onExhausted, gone: true });
        expect(decision).toEqual({ status: 'retrying', waitMs: 0, pause: 'gone' });
      },
    ),
  );
});

test('where spent retries hold an event, its last attempt is retrying and pauses the endpoint, and those before are as ever', () => {
  const decide = (attempt: number, onExhausted: 'skip' | 'hold') =>
    decideAfterFailure({ ...failure, attempt, maxRetries: 2, onExhausted });
  expect(decide(3, 'hold')).toEqual({ status: 'retrying', waitMs: 0, pause: 'exhausted' });
  expect(decide(7, 'hold')).toEqual({ status: 'retrying', waitMs: 0, pause: 'exhausted' });
  for (const attempt of [1, 2]) expect(decide(attempt, 'hold')).toEqual(decide(attempt, 'skip'));
});

// RFC 9110, section 5.6.7, writes this one moment in all three forms.
const rfcMoment = Date.UTC(1994, 10, 6, 8, 49, 37);

test.each<[string, number]>([
  ['0', 0],
  ['120', 120_000],
  ['  7  ', 7_000],
  ['1000000000', 1_000_000_000_000],
  ['9'.repeat(10_000), Number.MAX_SAFE_INTEGER],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 90_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 90_000],
  ['Sun Nov  6 08:49:37 1994', 90_000],
  ['Sat, 05 Nov 1994 08:49:37 GMT', 0],
  ['Tue, 31 Dec 2999 23:59:60 GMT', Date.UTC(3000, 0, 1) - rfcMoment + 90_000],
])('Retry-After: %s is a wait', (value, waitMs) => {
  expect(parseRetryAfter(value, rfcMoment - 90_000)).toBe(waitMs);
});

test.each<[string | string[] | undefined]>([
  [undefined],
  [''],
  ['abc'],
  ['-5'],
  ['+5'],
  ['120.6'],
  ['1e9'],
  ['0x10'],
  ['٣'],
  ['120, 120'],
  [['120', '120']],
  [[]],
  ['1994-11-06T08:49:37Z'],
  ['Sun, 06 Nov 1994 08:49:37 +0100'],
  ['Sun, 6 Nov 1994 08:49:37 GMT'],
  ['Sun, 31 Feb 1994 08:49:37 GMT'],
  ['Sun, 00 Nov 1994 08:49:37 GMT'],
  ['Sun, 06 Nov 1994 24:00:00 GMT'],
  ['Sun, 06 Nov 1994 08:60:00 GMT'],
  ['Son, 06 Nov 1994 08:49:37 GMT'],
  ['Sun, 06 nov 1994 08:49:37 GMT'],
])('Retry-After: %j is ignored', (value) => {
  expect(parseRetryAfter(value, rfcMoment)).toBe(null);
});

test('every date that JavaScript writes for HTTP is read back to the second', () => {
  const date = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
  fc.assert(
    fc.property(date, (moment) => {
      const wait = Math.max(0, Math.floor(moment.getTime() / 1000) * 1000 - rfcMoment);
      expect(parseRetryAfter(moment.toUTCString(), rfcMoment)).toBe(wait);
    }),
  );
});

test('a year of two digits is the one that lies at most 50 years ahead', () => {
  const now = Date.UTC(2026, 0, 1);
  expect(parseRetryAfter('Sunday, 01-Jan-76 00:00:00 GMT', now)).toBe(Date.UTC(2076, 0, 1) - now);
  expect(parseRetryAfter('Sunday, 01-Jan-77 00:00:00 GMT', now)).toBe(0);
});

test.each([
  // By hand: 1 + 2 + 4 + 8 + 16 of the base; nothing to wait for; every wait cut; the largest settings.
  [{ maxRetries: 5, baseDelayMs: 10_000, maxDelayMs: 3_600_000 }, 310_000],
  [{ maxRetries: 0, baseDelayMs: 10_000, maxDelayMs: 3_600_000 }, 0],
  [{ maxRetries: 3, baseDelayMs: 5_000, maxDelayMs: 1_000 }, 3_000],
  [{ maxRetries: 100, baseDelayMs: 604_800_000, maxDelayMs: 604_800_000 }, 60_480_000_000],
])('%j gives up after %d ms', (settings, ms) => {
  expect(givesUpAfterMs(settings)).toBe(ms);
  let waited = 0;
  for (let attempt = 1; ; attempt += 1) {
    const next = decideAfterFailure({ attempt, ...settings, retryAfterMs: null, ...skips });
    if (next.status === 'failed') break;
    waited += next.waitMs;
  }
  expect(waited).toBe(ms);
});
