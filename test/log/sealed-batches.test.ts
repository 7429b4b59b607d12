import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LogEntry } from '../../src/log/entry.ts';
import { causeOfRefusal, openBatch, sealBatches } from '../../src/log/sealed-batches.ts';
import { entriesFrom, entryAt } from './made-up-entries.ts';

const name = { key: 'tidings:test:1:1:events', secret: 'a secret of the log head' };
/** As they come back from Valkey. */
const store = (entries: readonly LogEntry[]) =>
  sealBatches(entries, name).map(({ id, sealed }) => ({ id, sealed: Buffer.from(sealed) }));
const open = (entries: readonly LogEntry[]) => store(entries).map((one) => openBatch(one, name));
const sizes = (entries: readonly LogEntry[]) => open(entries).map((batch) => batch?.length);
const withPayloads = (...bytes: number[]) =>
  bytes.map((count, index) => entryAt(index + 1, { payload: 'x'.repeat(count) }));

const text = fc.string({ unit: 'binary' });

test('what was sealed opens as it was, over batches of consecutive positions, whatever the texts are', () => {
  const fields = fc.record({
    id: text,
    type: text,
    subject: fc.option(text),
    addressedTo: fc.option(text),
    notFor: fc.option(text),
    configuration: fc.nat(),
    payload: text,
    traceparent: fc.option(text),
  });
  fc.assert(
    fc.property(fc.array(fields, { maxLength: 200 }), fc.integer({ min: 1, max: 2 ** 50 }), (made, first) => {
      const entries = made.map((some, index) => ({ position: first + index, ...some }));
      expect(open(entries).flat()).toEqual(entries);
    }),
    { numRuns: 200 },
  );
});

test('a batch has at most 64 events and 64 KiB, and its id is its last position', () => {
  expect(sizes(entriesFrom(1, 130))).toEqual([64, 64, 2]);
  expect(sealBatches(entriesFrom(10, 65), name).map(({ id }) => id)).toEqual(['73-0', '74-0']);
  const large = sealBatches(withPayloads(16_384, 16_384, 16_384, 16_384, 16_384), name);
  expect(large.map(({ entries }) => entries.length)).toEqual([3, 2]);
  for (const { sealed } of large) expect(sealed.length).toBeLessThanOrEqual(65_536 + 64);
});

test('a payload above 16 KiB is left out, and everything else of its event is there', () => {
  const entries = withPayloads(10, 16_385, 16_384, 262_144, 20);
  const left = entries.map((entry) => (entry.payload.length > 16_384 ? { ...entry, payload: null } : entry));
  expect(open(entries)).toEqual([left]);
});

test('an event that cannot be in any batch leaves a hole, and no batch reaches over it', () => {
  const entries = entriesFrom(1, 5).map((entry) =>
    entry.position === 3 ? { ...entry, type: 'x'.repeat(70_000) } : entry,
  );
  expect(open(entries)).toEqual([entriesFrom(1, 2), entriesFrom(4, 2)]);
});

test('what somebody else made, changed or moved does not open', () => {
  const [one, two] = store(entriesFrom(1, 70));
  if (!one || !two) throw new Error('two batches were expected');
  expect(openBatch(one, name)).toHaveLength(64);
  for (const id of ['63-0', '65-0', '64-1', '64', '70-0', '9007199254740993-0', ''])
    expect(openBatch({ ...one, id }, name)).toBeNull();
  expect(openBatch({ id: two.id, sealed: one.sealed }, name)).toBeNull();
  expect(openBatch(one, { ...name, key: 'tidings:test:1:2:events' })).toBeNull();
  expect(openBatch(one, { ...name, secret: 'another' })).toBeNull();
  for (const length of [0, 31, 42, 43, 44, 50, one.sealed.length - 1]) {
    expect(openBatch({ ...one, sealed: one.sealed.subarray(0, length) }, name)).toBeNull();
  }
  expect(openBatch({ ...one, sealed: Buffer.concat([one.sealed, Buffer.from('more')]) }, name)).toBeNull();
  expect(openBatch({ ...one, sealed: randomBytes(200_000) }, name)).toBeNull();
  fc.assert(
    fc.property(fc.nat({ max: one.sealed.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const sealed = Buffer.from(one.sealed);
      sealed[at]! ^= by;
      expect(openBatch({ ...one, sealed }, name)).toBeNull();
    }),
  );
});

test('a refusal is explained by the first entry from the batch’s begin on', () => {
  const refused = entriesFrom(5, 3);
  const sealedOf = (entries: readonly LogEntry[]) => store(entries)[0]!;
  const cause = (entries: readonly LogEntry[]) => causeOfRefusal(refused, sealedOf(entries), name);
  expect(cause(entriesFrom(5, 3))).toEqual({ is: 'late' });
  expect(cause(entriesFrom(8, 1))).toEqual({ is: 'late' });
  expect(cause(entriesFrom(3, 3))).toEqual({ is: 'late' });
  const other = entryAt(7, { id: 'another' });
  expect(cause([entryAt(6), other, entryAt(8)])).toEqual({ is: 'contradiction', found: other });
  // A higher id that nobody can show is a lie, too.
  expect(causeOfRefusal(refused, null, name)).toEqual({ is: 'foreign' });
  const forged = { ...sealedOf(entriesFrom(6, 1)), id: '9007199254740991-0' };
  expect(causeOfRefusal(refused, forged, name)).toEqual({ is: 'foreign' });
});
