import fc from 'fast-check';
import { expect, test } from 'vitest';
import { durationText, durationWritten, durations } from '../../src/settings/duration.ts';

const rule = durations('0s', '365d');

test.each([
  ['500ms', 500],
  ['0s', 0],
  ['15s', 15_000],
  ['90m', 5_400_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
  ['365d', 31_536_000_000],
])('%s is %i ms', (text, ms) => {
  expect(rule.parse(text)).toBe(ms);
});

test.each([
  '',
  '5',
  '5 s',
  ' 5s',
  '5s ',
  '5S',
  '-5s',
  '+5s',
  '1.5s',
  '1h30m',
  '1e3ms',
  's',
  '5w',
  '٥s',
  '5s\n',
  '366d',
])('%j is no duration', (text) => {
  expect(rule.parse(text)).toBeNull();
});

test('a duration outside its bounds is refused, and one at its bounds is accepted', () => {
  const timeouts = durations('1ms', '5m');
  expect(['0ms', '1ms', '5m', '300001ms', '301s'].map((text) => timeouts.parse(text))).toEqual([
    null,
    1,
    300_000,
    null,
    null,
  ]);
});

test('every whole number of every unit up to a year is its product', () => {
  const units = fc.constantFrom(['ms', 1], ['s', 1e3], ['m', 6e4], ['h', 36e5], ['d', 864e5] as const);
  fc.assert(
    fc.property(fc.nat(365), units, (count, [unit, ms]) => {
      expect(rule.parse(`${count}${unit}`)).toBe(count * ms);
    }),
  );
});

test.each([
  [310_000, '5m10s'],
  [0, '0s'],
  [500, '500ms'],
  [86_400_000, '1d'],
  [105_750_000, '1d5h22m30s'],
  [61_001, '1m1s1ms'],
  [700 * 86_400_000, '700d'],
])('%d ms are read as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test.each([
  [1, '1ms'],
  [1_500, '1500ms'],
  [90_000, '90s'],
  [60_000, '1m'],
  [90 * 60_000, '90m'],
  [3_600_000, '1h'],
  [604_800_000, '7d'],
  [0, '0ms'],
])('%d ms are written as %s, which is read as the same', (ms, text) => {
  expect(durationWritten(ms)).toBe(text);
  expect(durations('0ms', '365d').parse(text)).toBe(ms);
});
