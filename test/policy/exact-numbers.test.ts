import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inexactSentence, isExact, parseJson } from '../../src/policy/exact-numbers.ts';

test.each([
  ...['0', '-0', '0.0', '0e5', '-0.00e-7', '1', '1.0', '1.50', '100', '1e2', '1E+2', '0.1', '-0.1', '12.5e-3', '1e21'],
  ...[
    '9007199254740991',
    '-9007199254740991',
    '9007199254740992',
    '7615917337495251000',
    '1e22',
    '123456789012345680000',
  ],
  ...['1.7976931348623157e308', '5e-324', '0.30000000000000004', '2.5e-8', '0.000000000000000000000001'],
])('%s comes back with its value', (source) => {
  expect(isExact(source)).toBe(true);
});

test.each([
  ...['7615917337495251231', '9007199254740993', '-9007199254740993', '123456789012345678901', '1e400', '-1e400'],
  ...['1e-400', '5e-325', '0.1234567890123456789', '0.1000000000000000055511151231257827', '1.7976931348623157e309'],
  ...['0.300000000000000041', '1e99999999999999999999', '1e-99999999999999999999', `1${'0'.repeat(30)}1`],
])('%s does not come back with its value', (source) => {
  expect(isExact(source)).toBe(false);
});

/** Tells by whole numbers of any size, where the program goes by digits. */
function isExactByIntegers(digits: bigint, exponent: number): boolean {
  const value = Number(`${digits}e${exponent}`);
  if (!Number.isFinite(value)) return false;
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const printed = { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
  const least = Math.min(exponent, printed.exponent);
  const scaled = (number: bigint, to: number) => number * 10n ** BigInt(to - least);
  return scaled(digits, exponent) === scaled(printed.digits, printed.exponent);
}

test('exact is what has the same value as a whole number of tenths of any power', () => {
  const exponents = fc.integer({ min: -340, max: 320 });
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), exponents, (digits, exponent) => {
      expect(isExact(`${digits}e${exponent}`)).toBe(isExactByIntegers(digits, exponent));
    }),
  );
});

test('whatever JSON.stringify prints is exact, and is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify({ value });
      expect(parseJson(text)).toEqual({ value: JSON.parse(text) as unknown, inexact: null });
    }),
  );
});

test('wherever an inexact number stands, it is found, with its path and as it was written', () => {
  // A lone backslash: see the last test of outbox/payload.test.ts.
  const key = fc.string({ maxLength: 3 }).filter((text) => text !== '__proto__' && text !== '\\');
  const around = fc.array(fc.oneof(key, fc.nat({ max: 3 })), { minLength: 1, maxLength: 5 });
  const number = fc.constantFrom(
    '7615917337495251231',
    '1e400',
    '-0.12345678901234567',
    '1E-400',
    '9007199254740993.0',
  );
  fc.assert(
    fc.property(around, number, fc.constantFrom('', ' ', '\n\t'), (path, source, blank) => {
      const text = path.reduceRight<string>(
        (inner, step) =>
          typeof step === 'string'
            ? `{"a ":"12345678901234567",${JSON.stringify(step)}:${blank}${inner}}`
            : `[${'0.5,'.repeat(step)}${blank}${inner}]`,
        source,
      );
      expect(parseJson(text).inexact).toEqual({ path: path.join('.'), source });
    }),
  );
});

test('digits in strings are no numbers', () => {
  const text = JSON.stringify({ id: '7615917337495251231', list: ['1e400', ', 12345678901234567', ':1e400'] });
  expect(parseJson(text).inexact).toBeNull();
});

test('a number of half a million digits takes no time to refuse, and its sentence is short', () => {
  const source = `1${'0'.repeat(500_000)}1`;
  const before = performance.now();
  const { inexact } = parseJson(`{"a":${source}}`);
  expect(inexact!.source).toBe(source);
  expect(performance.now() - before).toBeLessThan(1_000);
  expect(inexactSentence(inexact!)).toHaveLength(
    'a: the number … would become null here. Send it as a string.'.length + 40,
  );
});
