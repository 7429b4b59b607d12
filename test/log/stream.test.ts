import { randomUUID, randomUUIDv7 } from 'node:crypto';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';
import type { BatchEntry } from '../../src/log/batch.ts';
import type { StreamName } from '../../src/log/sealed-batches.ts';
import { findFreePort } from '../support/free-port.ts';
import { type LogStream, openStream } from '../../src/log/stream.ts';
import { makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { entriesFrom, entryAt } from './made-up-entries.ts';

const newName = () => ({ key: `tidings:test:${randomUUID()}:events`, secret: randomUUID() });

/** A log of its own on the shared server, or on another; what it was told goes into the lists. */
async function open({ url = inject('valkeyUrl'), name = newName() }: { url?: string; name?: StreamName } = {}) {
  const changes: boolean[] = [];
  const contradictions: BatchEntry[] = [];
  const foreign: string[] = [];
  const stream = await openStream({
    url,
    name,
    onChange: (ready) => changes.push(ready),
  });
  stream.onContradiction((found) => contradictions.push(found));
  stream.onForeign(() => foreign.push('foreign'));
  return {
    stream,
    name,
    key: name.key,
    changes,
    contradictions,
    foreign,
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
  };
}

function connect(url: string = inject('valkeyUrl')): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** Reads on until there are `count` entries after a position. */
async function readAll(stream: LogStream, after: number, count: number): Promise<BatchEntry[]> {
  const found: BatchEntry[] = [];
  await eventually(async () => {
    found.push(...((await stream.readStream(found.at(-1)?.position ?? after)) ?? []).flat());
    return found.length >= count;
  });
  return found;
}

/** Words that mean something in an entry's own fields are values like any other. */
const word = fc.constantFrom('id', 'type', 'to', 'payload', 'crm');
const text = fc.oneof(word, fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));

test('an entry reads back as it was appended: any text, addressed or not', async () => {
  await using log = await open();
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          type: text,
          subject: fc.option(text),
          addressedTo: fc.option(word),
          notFor: fc.option(word),
          configuration: fc.nat(),
          payload: text,
          traceparent: fc.option(text),
        }),
        { minLength: 1, maxLength: 20 },
      ),
      fc.integer({ min: 1, max: 2 ** 50 }),
      async (made, first) => {
        log.stream.use(newName());
        const entries = made.map((fields, index) => ({ position: first + index, id: randomUUIDv7(), ...fields }));
        log.stream.append(entries);
        expect(await readAll(log.stream, first - 1, entries.length)).toEqual(entries);
      },
    ),
    { numRuns: 50 },
  );
});

test('the last position of a batch is its id in the stream', async () => {
  await using log = await open();
  log.stream.append(entriesFrom(41, 70));
  await readAll(log.stream, 40, 70);
  const stored = await connect().xrange(log.key, '-', '+');
  expect(stored.map(([id]) => id)).toEqual(['104-0', '110-0']);
});

test('one read gives at most 16 batches, and a stream keeps about a thousand', async () => {
  await using log = await open();
  for (let position = 1; position <= 1_500; position += 1) {
    log.stream.append([entryAt(position)]);
    // As many as may be on their way at once would be more.
    if (position % 100 === 0) await connect().xlen(log.key);
  }
  await eventually(async () => (await log.stream.readLast())?.last?.position === 1_500);
  const kept = await connect().xlen(log.key);
  expect([kept >= 1_000, kept < 1_200]).toEqual([true, true]);
  expect(await log.stream.readStream(0)).toHaveLength(16);
});

test('a position keeps its first event, and another one that is appended there is reported', async () => {
  await using log = await open();
  log.stream.append(entriesFrom(1, 3));
  await readAll(log.stream, 0, 3);
  log.stream.append(entriesFrom(2, 2));
  log.stream.append([entryAt(3, { id: 'another', payload: 'another' })]);
  log.stream.append([entryAt(4)]);
  expect(await readAll(log.stream, 0, 4)).toEqual(entriesFrom(1, 4));
  await eventually(() => log.contradictions.length === 1);
  expect([log.contradictions, log.foreign]).toEqual([[entryAt(3)], []]);
  expect(log.stream.ready).toBe(true);
});

test('a batch that overlaps another one in part contradicts it where the events differ, and only there', async () => {
  await using log = await open();
  log.stream.append(entriesFrom(1, 6));
  log.stream.append([entryAt(4), entryAt(5), entryAt(6)]);
  log.stream.append([entryAt(2), entryAt(3, { id: 'another' })]);
  await eventually(() => log.contradictions.length === 1);
  expect([log.contradictions, log.foreign]).toEqual([[entryAt(3)], []]);
});

test('a batch that is appended after a later one contradicts nothing', async () => {
  await using log = await open();
  log.stream.append([entryAt(1)]);
  log.stream.append([entryAt(3)]);
  log.stream.append([entryAt(2)]);
  log.stream.append([entryAt(3, { id: 'another' })]);
  await eventually(() => log.contradictions.length === 1);
  expect([log.contradictions, log.foreign]).toEqual([[entryAt(3)], []]);
  expect(await readAll(log.stream, 0, 2)).toEqual([entryAt(1), entryAt(3)]);
});

test('two logs on one Valkey do not mix', async () => {
  await using one = await open();
  await using other = await open();
  one.stream.append(entriesFrom(1, 2));
  other.stream.append([entryAt(1, { id: 'other' })]);
  expect(await readAll(one.stream, 0, 2)).toEqual(entriesFrom(1, 2));
  expect((await readAll(other.stream, 0, 1)).map(({ id }) => id)).toEqual(['other']);
});

test('the last entry is the stream’s, even from an earlier process, and null where there is none', async () => {
  await using log = await open();
  expect(await log.stream.readLast()).toEqual({ last: null });
  log.stream.append(entriesFrom(1, 3));
  await readAll(log.stream, 0, 3);
  await using later = await open({ name: log.name });
  expect(await later.stream.readLast()).toEqual({ last: entryAt(3) });
});

test('after a change of streams nothing of the old one is read, even by a read under way, and it is removed', async () => {
  await using log = await open();
  await using other = await open({ name: log.name });
  log.stream.append(entriesFrom(1, 3));
  await readAll(log.stream, 0, 3);
  const [read, last] = [log.stream.readStream(0), log.stream.readLast()];
  const waiting = other.stream.readStream(3);
  const next = newName();
  for (const { stream } of [log, other]) stream.use(next);
  expect([await read, await last, await waiting]).toEqual([[], null, []]);
  log.stream.append([entryAt(1_001, { id: 'another' })]);
  expect((await readAll(other.stream, 0, 1)).map(({ id }) => id)).toEqual(['another']);
  expect((await other.stream.readLast())?.last?.id).toBe('another');
  expect(await connect().exists(log.key)).toBe(0);
  expect(log.contradictions).toEqual([]);
});

test('a stream that is replaced while Valkey is away is removed when Valkey is back', async () => {
  await using place = await makeEmbeddedDirectory();
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: { info() {}, warn() {} } });
  await using log = await open({ url: valkey!.url });
  log.stream.append([entryAt(1)]);
  await readAll(log.stream, 0, 1);
  const pid = Number(/process_id:(\d+)/.exec(await connect(valkey!.url).info('server'))?.[1]);
  process.kill(pid, 'SIGSTOP');
  log.stream.use(newName());
  expect(await log.stream.check()).not.toBeNull();
  process.kill(pid, 'SIGCONT');
  await eventually(() => log.stream.ready);
  expect(await connect(valkey!.url).exists(log.key)).toBe(0);
});

test('what is more than may be on its way at once is left to the table, and what follows is appended', async () => {
  await using log = await open();
  const payload = 'a'.repeat(16 * 1024);
  log.stream.append(entriesFrom(1, 600).map((entry) => ({ ...entry, payload })));
  log.stream.append([entryAt(601)]);
  expect(await readAll(log.stream, 0, 1)).toEqual([entryAt(601)]);
});

test('a check of the stream does not wait for a blocked read', async () => {
  await using log = await open();
  const reading = log.stream.readStream(0).then(() => 'the read');
  const asked = log.stream.check().then((problem) => problem ?? 'the answer');
  expect(await Promise.race([reading, asked])).toBe('the answer');
  await reading;
});

test('a FLUSHALL under a blocked read shows as a gap, not as silence', async () => {
  await using place = await makeEmbeddedDirectory();
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: { info() {}, warn() {} } });
  await using log = await open({ url: valkey!.url });
  const admin = connect(valkey!.url);
  log.stream.append(entriesFrom(1, 3));
  await readAll(log.stream, 0, 3);
  const read = log.stream.readStream(3);
  await eventually(async () => /blocked_clients:1/.test(await admin.info('clients')));
  await admin.flushall();
  log.stream.append([entryAt(5)]);
  expect(await read).toEqual([[entryAt(5)]]);
  expect(await log.stream.readStream(0)).toEqual([[entryAt(5)]]);
});

test('while Valkey is stopped reads are null, reported once, and appends never wait; once it is back both work', async () => {
  await using place = await makeEmbeddedDirectory();
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: { info() {}, warn() {} } });
  await using log = await open({ url: valkey!.url });
  const pid = Number(/process_id:(\d+)/.exec(await connect(valkey!.url).info('server'))?.[1]);
  log.stream.append([entryAt(1)]);
  await readAll(log.stream, 0, 1);
  process.kill(pid, 'SIGSTOP');
  try {
    log.stream.append([entryAt(2)]);
    expect(await log.stream.readStream(1)).toBeNull();
    expect(log.stream.ready).toBe(false);
    expect(await log.stream.check()).not.toBeNull();
    log.stream.append([entryAt(3)]);
    expect(await log.stream.readStream(1)).toBeNull();
    expect(log.changes).toEqual([true, false]);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually(() => log.stream.ready);
  expect(log.changes).toEqual([true, false, true]);
  log.stream.append([entryAt(4)]);
  // Entry 2 was on its way and may have come; entry 3 was never sent.
  const found = await readAll(log.stream, 2, 1);
  expect(found).toEqual([entryAt(4)]);
  expect(await log.stream.check()).toBeNull();
});

test('a stream that cannot be reached opens all the same, is not ready, and reads null', async () => {
  const port = await findFreePort();
  await using log = await open({ url: `redis://127.0.0.1:${port}` });
  expect(log.stream.ready).toBe(false);
  log.stream.append([entryAt(1)]);
  expect(await log.stream.readStream(0)).toBeNull();
  expect(await log.stream.check()).not.toBeNull();
  expect(log.changes).toEqual([]);
});

test('a stream whose Valkey dies and comes back is ready again', async () => {
  await using place = await makeEmbeddedDirectory();
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: { info() {}, warn() {} } });
  await using log = await open({ url: valkey!.url });
  const pid = Number(/process_id:(\d+)/.exec(await connect(valkey!.url).info('server'))?.[1]);
  const read = log.stream.readStream(0);
  process.kill(pid, 'SIGKILL');
  expect(await read).toBeNull();
  await eventually(() => log.changes.length >= 3 && log.stream.ready);
  log.stream.append([entryAt(1)]);
  expect(await readAll(log.stream, 0, 1)).toEqual([entryAt(1)]);
});
