import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { expect, test } from 'vitest';
import { asUuid, firstIdOf, idBeyond, lowestIdSince, timeOf } from '../../src/model/uuid.ts';

test('an id is known by its form, in any case, and stored in lower case', () => {
  for (const id of [randomUUID(), randomUUIDv7(), '00000000-0000-0000-0000-000000000000']) {
    expect([asUuid(id), asUuid(id.toUpperCase())]).toEqual([id, id]);
  }
});

test.each(['', 'x', `${randomUUID()}0`, ` ${randomUUID()}`, `${randomUUID()}\n`, randomUUID().replaceAll('-', '')])(
  '%j can be the id of nothing',
  (text) => expect(asUuid(text)).toBeNull(),
);

test.each([
  // 2026-11-23 is day 20,780 of Unix time: 1,795,392,000,000 ms, in hexadecimal 1a205b3d000.
  [Date.parse('2026-11-23T00:00:00Z'), '01a205b3-d000-0000-0000-000000000000'],
  [0, '00000000-0000-0000-0000-000000000000'],
  [-1, '00000000-0000-0000-0000-000000000000'],
  [2 ** 48 - 1, 'ffffffff-ffff-0000-0000-000000000000'],
  [2 ** 48, 'ffffffff-ffff-0000-0000-000000000000'],
])('the first id of %i ms is %s', (unixMs, id) => expect(firstIdOf(unixMs)).toBe(id));

test('an id tells when it was made', () => {
  // RFC 9562, appendix A.6: 22 February 2022, 14:22:22 at UTC-5.
  expect(timeOf('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(Date.parse('2022-02-22T14:22:22-05:00'));
});

test('the ids of a span of time are those made in it, and up to ten minutes around it', () => {
  const now = Date.now();
  const at = (seconds: number) => new Date(now + seconds * 1_000);
  const id = randomUUIDv7();
  for (const seconds of [0, -3_600, 599]) expect([seconds, id >= lowestIdSince(at(seconds))]).toEqual([seconds, true]);
  for (const seconds of [0, 3_600, -599]) expect([seconds, id < idBeyond(at(seconds))]).toEqual([seconds, true]);
  expect(id >= lowestIdSince(at(660))).toBe(false);
  expect(id < idBeyond(at(-660))).toBe(false);
});
