import { expect, test } from 'vitest';
import { counted, duration, fromNow, latency, percent, readTime, sizeOf, utc } from '../../src/dashboard/formats.ts';

const now = Date.parse('2026-11-23T10:00:00.000Z');

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [12_000, '12 s'],
  [310_000, '5 m 10 s'],
  [3_600_000, '1 h'],
  [273_600_000, '3 d 4 h'],
])('%i ms are written as %s', (ms, text) => expect(duration(ms)).toBe(text));

test.each([
  ['2026-11-23T09:59:55.000Z', '5 s ago'],
  ['2026-11-23T10:00:12.000Z', 'in 12 s'],
  ['2026-11-23T10:00:00.400Z', 'now'],
])('%s is written as %s', (at, text) => expect(fromNow(at, now)).toBe(text));

test('a rate is 100 % only when nothing failed', () => {
  expect([percent(9_999, 10_000), percent(10, 10), percent(0, 3), percent(2, 3)]).toEqual([
    '99.9 %',
    '100 %',
    '0 %',
    '66.6 %',
  ]);
});

test('numbers have their units', () => {
  expect([latency(0.42), latency(12.34), latency(123.4), latency(1_234)]).toEqual([
    '0.4 ms',
    '12.3 ms',
    '123 ms',
    '1.23 s',
  ]);
  expect([sizeOf('ä'), sizeOf('a'), sizeOf('x'.repeat(1_536))]).toEqual(['2 bytes', '1 byte', '1.5 KiB']);
  expect([counted(1, 'event'), counted(1_234, 'event'), counted(2, 'delivery', 'deliveries')]).toEqual([
    '1 event',
    '1,234 events',
    '2 deliveries',
  ]);
  expect(utc('2026-11-23T10:00:00.000Z')).toBe('2026-11-23 10:00:00.000 UTC');
});

test.each([
  ['2h', '2026-11-23T08:00:00.000Z'],
  [' 90 s ', '2026-11-23T09:58:30.000Z'],
  ['2026-11-23', '2026-11-23T00:00:00.000Z'],
  ['2026-11-23T10:00', '2026-11-23T10:00:00.000Z'],
  ['2026-11-23 10:00:00 UTC', '2026-11-23T10:00:00.000Z'],
  ['2026-11-23T10:00:00.5+02:00', '2026-11-23T08:00:00.500Z'],
  ['yesterday', null],
  ['2026-13-01', null],
  ['12', null],
  ['', null],
])('a time written as "%s" is read as %s', (text, at) => expect(readTime(text, now)).toBe(at));

test('what the page writes can be read again', () => {
  const at = '2026-11-23T10:00:00.123Z';
  expect(readTime(utc(at), now)).toBe(at);
});
