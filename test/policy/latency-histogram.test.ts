import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bucketCount,
  bucketOf,
  decodeHistograms,
  encodeHistogram,
  quantile,
} from '../../src/policy/latency-histogram.ts';

const latencyMs = fc.double({ min: 0.1, max: 300_000, noNaN: true });

test('every latency has a bucket, and a longer one never an earlier bucket', () => {
  const any = fc.double({ min: 0, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(any, any, (one, other) => {
      const [short, long] = [Math.min(one, other), Math.max(one, other)];
      expect(Number.isInteger(bucketOf(short))).toBe(true);
      expect(bucketOf(short)).toBeGreaterThanOrEqual(0);
      expect(bucketOf(long)).toBeLessThan(bucketCount);
      expect(bucketOf(short)).toBeLessThanOrEqual(bucketOf(long));
    }),
  );
});

test('the longest time-out still has a bucket with a bound', () => {
  expect(bucketOf(300_000)).toBeLessThan(bucketCount - 1);
});

test('a quantile read from the buckets is within 5.5 % of the one read from the sorted values', () => {
  const share = fc.constantFrom(0, 0.01, 0.5, 0.95, 0.99, 1);
  fc.assert(
    fc.property(fc.array(latencyMs, { minLength: 1, maxLength: 300 }), share, (values, q) => {
      const counts = Array.from({ length: bucketCount }, () => 0);
      for (const value of values) counts[bucketOf(value)]! += 1;
      // Nearest rank, as in the definition of a percentile.
      const exact = values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * values.length)) - 1]!;
      const read = quantile(counts, q)!;
      expect(Math.abs(read - exact) / exact).toBeLessThan(0.055);
    }),
  );
});

test('trailing zeros may be left out', () => {
  expect(quantile([0, 0, 3], 0.5)).toBe(quantile([0, 0, 3, 0, 0, 0], 0.5));
});

test('nothing counted has no quantile', () => {
  expect(quantile([], 0.5)).toBeNull();
  expect(quantile([0, 0], 0.99)).toBeNull();
});

test('encoded histograms, one after another, are read as their sum, whatever was counted', () => {
  const counts = fc.array(fc.oneof(fc.constant(0), fc.nat(), fc.constantFrom(127, 128, 2 ** 31 - 1)), {
    maxLength: bucketCount,
  });
  fc.assert(
    fc.property(fc.array(counts, { maxLength: 4 }), (histograms) => {
      const sum = Array.from({ length: bucketCount }, (_, bucket) =>
        histograms.reduce((total, each) => total + (each[bucket] ?? 0), 0),
      );
      expect(decodeHistograms(Uint8Array.from(histograms.flatMap((each) => [...encodeHistogram(each)])))).toEqual(sum);
    }),
  );
});

test('an encoded histogram holds what is not empty, in the form that is stored', () => {
  // 300 is 2 * 128 + 44; 160 buckets have a number of one byte each.
  expect([...encodeHistogram([0, 1, 0, 300])]).toEqual([1, 1, 3, 44 | 0x80, 2]);
  expect([...encodeHistogram([])]).toEqual([]);
});
