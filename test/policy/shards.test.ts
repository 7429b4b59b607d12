import { expect, test } from 'vitest';
import { hash } from '../../src/policy/hash.ts';
import { leaseCount, relayLease, shardCount, shardOf } from '../../src/policy/shards.ts';

test.each([
  // Test vectors of the FNV authors (http://www.isthe.com/chongo/src/fnv/test_fnv.c).
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['b', 0xe70c2de5],
  ['foobar', 0xbf9cf968],
])('%j hashes as FNV-1a says', (text, expected) => {
  expect(hash(text)).toBe(expected);
});

test('every endpoint has one of the 64 shards, the same for good, and no shard is the relay’s', () => {
  // Counted by hand from the hash: an installation that is running must not find its endpoints elsewhere.
  expect(['a', 'b', 'foobar'].map(shardOf)).toEqual([0x2c, 0x25, 0x28]);
  expect([shardCount, relayLease, leaseCount]).toEqual([64, 64, 65]);
});

test('endpoints spread over the shards', () => {
  const counts = Array<number>(shardCount).fill(0);
  for (let n = 0; n < 6_400; n += 1) counts[shardOf(`endpoint-${n}`)]! += 1;
  // A hundred each on average; by chance alone all lie within five standard deviations.
  expect(Math.min(...counts)).toBeGreaterThan(50);
  expect(Math.max(...counts)).toBeLessThan(150);
});
