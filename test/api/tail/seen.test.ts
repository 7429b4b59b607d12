// The cursor of the live tail: what it keeps, and what it refuses.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Seen, readCursor, writeCursor } from '../../../src/api/tail/seen.ts';

const history = { logId: randomUUID(), epoch: 'one' };
const at = Date.parse('2026-11-23T10:00:00Z');

function seen(given: Partial<Seen> = {}): Seen {
  const writers = new Map([
    [randomUUID(), { batch: 2 ** 40, at }],
    [randomUUID(), { batch: 1, at: at - 60_000 }],
  ]);
  return { writers, at, part: null, ...given };
}

const batchesOf = ({ writers }: Seen) => [...writers].map(([writer, { batch }]) => [writer, batch]);

test('a cursor says the last batch of each writer, and what of the next one was seen', () => {
  const before = seen();
  const part = { writer: [...before.writers.keys()][1]!, batch: 2, id: randomUUID() };
  for (const one of [before, { ...before, part }, { ...before, part: { ...part, writer: randomUUID() } }]) {
    const read = readCursor(writeCursor(one, history), history);
    expect(read?.seen).toMatchObject({ at, part: one.part });
    expect(batchesOf(read!.seen)).toEqual(batchesOf(before));
  }
});

test('a writer that has been idle is left out, so that ended ones make no cursor longer', () => {
  const ended = Array.from({ length: 500 }, () => [randomUUID(), { batch: 9, at: at - 20 * 60_000 }] as const);
  const before = seen();
  const cursor = writeCursor({ ...before, writers: new Map([...ended, ...before.writers]) }, history);
  expect(cursor).toBe(writeCursor(before, history));
  const read = readCursor(cursor, history)!;
  expect(read.idleSince).toBeLessThan(at);
  expect(read.idleSince).toBeGreaterThan(at - 20 * 60_000);
});

test('a cursor of thousands of writers is read, too', () => {
  const writers = Array.from({ length: 5_000 }, () => [randomUUID(), { batch: 9, at }] as const);
  const cursor = writeCursor(seen({ writers: new Map(writers) }), history);
  expect(readCursor(cursor, history)?.seen.writers.size).toBe(5_000);
});

test('a cursor of another log, of another epoch, or that somebody changed is none', () => {
  const cursor = writeCursor(seen(), history);
  expect(readCursor(cursor, history)).not.toBeNull();
  expect(readCursor(cursor, { ...history, epoch: 'two' })).toBeNull();
  expect(readCursor(cursor, { ...history, logId: randomUUID() })).toBeNull();
  for (let index = 0; index < cursor.length; index += 1) {
    const other = cursor[index] === 'A' ? 'B' : 'A';
    expect(readCursor(cursor.slice(0, index) + other + cursor.slice(index + 1), history)).toBeNull();
  }
  for (const text of ['', 'x', cursor.slice(0, -4), `${cursor}AAAA`, `${cursor}=`, 'A'.repeat(1_000_000)]) {
    expect(readCursor(text, history)).toBeNull();
  }
});
