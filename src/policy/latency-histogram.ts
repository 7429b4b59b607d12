// Latencies counted in fixed logarithmic buckets, so that counts of all writers and minutes can be added.

/** Upper bound of the first bucket, in ms; all faster latencies are in it. */
const firstBoundMs = 0.1;

/** Each bucket's upper bound over the one before: a value read back is at most 4.9 % off (the square root of 1.1). */
const growth = 1.1;

/** The last bucket begins above 5 minutes, the longest time-out, and has no upper bound. */
export const bucketCount = 160;

/** The bucket of a latency in ms, from 0 to `bucketCount - 1`. Bucket i > 0 holds (0.1 * 1.1^(i-1), 0.1 * 1.1^i]. */
export function bucketOf(latencyMs: number): number {
  if (!(latencyMs > firstBoundMs)) return 0;
  // The small shift keeps a bound in its own bucket, however the logarithm is rounded.
  const bucket = Math.ceil(Math.log(latencyMs / firstBoundMs) / Math.log(growth) - 1e-9);
  return Math.min(bucket, bucketCount - 1);
}

/**
 * The buckets that are not empty, each as its number in a byte and its count in bytes of seven bits, the lowest first, of
 * which all but the last have the highest bit set (LEB128).
 */
export function encodeHistogram(counts: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (const [bucket, count] of counts.entries()) {
    if (count === 0) continue;
    bytes.push(bucket);
    let left = count;
    for (; left > 0x7f; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
    bytes.push(left);
  }
  return Uint8Array.from(bytes);
}

/** The sums of any number of encoded histograms, one after another. */
export function decodeHistograms(bytes: Uint8Array): number[] {
  const counts = Array.from({ length: bucketCount }, () => 0);
  for (let at = 0; at < bytes.length;) {
    const bucket = bytes[at++]!;
    let unit = 1;
    for (let more = true; more; unit *= 0x80) {
      const byte = bytes[at++] ?? 0;
      counts[bucket]! += (byte & 0x7f) * unit;
      more = byte > 0x7f;
    }
  }
  return counts;
}

/**
 * The latency in ms below which the share `q` (0 to 1) of the counted values lies, within 5 % for values from 0.1 ms
 * to 5 minutes; null when nothing was counted. `counts` may be shorter than `bucketCount`: what is missing is 0.
 */
export function quantile(counts: readonly number[], q: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  // The nearest rank: the smallest value with at least q of all values at or below it.
  const rank = Math.max(1, Math.ceil(q * total));
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    seen += count;
    if (seen >= rank) return middleMs(bucket);
  }
  return middleMs(counts.length - 1);
}

/** The geometric middle of a bucket, which is equally far from both of its bounds; three digits. */
function middleMs(bucket: number): number {
  const middle = bucket === 0 ? firstBoundMs : firstBoundMs * growth ** (bucket - 0.5);
  return Number(middle.toPrecision(3));
}
