// Times as they are given on the command line.

import { expect, test } from 'vitest';
import { ageOf, momentOf } from '../../src/cli/moment.ts';

const refuse = (usage: string): never => {
  throw new Error(usage);
};

test.for([
  ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00.000Z'],
  ['2026-11-23T10:00:00.5+01:00', '2026-11-23T09:00:00.500Z'],
  ['2026-11-23t10:00z', '2026-11-23T10:00:00.000Z'],
  ['2026-11-23', '2026-11-23T00:00:00.000Z'],
] as const)('%s is %s', ([given, moment]) => {
  expect(momentOf(given, '--since', refuse)).toBe(moment);
});

test.for([
  ['500ms', 500],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
] as const)('%s is so long ago', ([given, ms]) => {
  const before = Date.now();
  const moment = Date.parse(momentOf(given, '--since', refuse));
  expect(moment).toBeGreaterThanOrEqual(before - ms);
  expect(moment).toBeLessThanOrEqual(Date.now() - ms);
});

test.for(['', 'yesterday', '2', '1h30m', '-2h', '2026-02-30', '2026-11-23T10:00:00', '2026-13-01', '400d', '10:00'])(
  '%j is no time',
  (given) => {
    expect(() => momentOf(given, '--since', refuse)).toThrow(/--since/);
  },
);

test('an age is told in its largest unit', () => {
  const now = Date.parse('2026-11-23T10:00:00Z');
  const ages = ['2026-11-23T09:59:58Z', '2026-11-23T09:01:00Z', '2026-11-21T10:00:00Z', '2026-11-23T10:05:00Z'];
  expect(ages.map((iso) => ageOf(iso, now))).toEqual(['2s', '59m', '2d', '-5m']);
});
