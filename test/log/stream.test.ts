import { randomUUID, randomUUIDv7 } from 'node:crypto';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { findFreePort } from '../support/free-port.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import { type LogStream, openStream } from '../../src/log/stream.ts';
import { makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { entriesFrom, entryAt } from './made-up-entries.ts';

const newKey = () => `tidings:test:${randomUUID()}:events`;

/** A log of its own on the shared server, or on another; what it was told goes into the lists. */
async function open({ url = inject('valkeyUrl'), key = newKey() }: { url?: string; key?: string } = {}) {
  const changes: boolean[] = [];
  const contradictions: LogEntry[] = [];
  const stream = await openStream({
    url,
    key,
    onChange: (ready) => changes.push(ready),
  });
  stream.onContradiction((found) => contradictions.push(found));
  return { stream, key, changes, contradictions, [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose]() };
}

function connect(url: string = inject('valkeyUrl')): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** Reads on until there are `count` entries after a position. */
async function readAll(stream: LogStream, after: number, count: number): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  await eventually(async () => {
    found.push(...((await stream.readStream(found.at(-1)?.position ?? after)) ?? []));
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
      fc.array(fc.record({ type: text, addressedTo: fc.option(word), configuration: fc.nat(), payload: text }), {
        minLength: 1,
        maxLength: 20,
      }),
      fc.integer({ min: 1, max: 2 ** 50 }),
      async (made, first) => {
        log.stream.use(newKey());
        const entries = made.map((fields, index) => ({ position: first + index, id: randomUUIDv7(), ...fields }));
        log.stream.append(entries);
        expect(await readAll(log.stream, first - 1, entries.length)).toEqual(entries);
      },
    ),
    { numRuns: 50 },
  );
});

test('the position of an entry is its id in the stream', async () => {
  await using log = await open();
  log.stream.append(entriesFrom(41, 2));
  await readAll(log.stream, 40, 2);
  const stored = await connect().xrange(log.key, '-', '+');
  expect(stored.map(([id]) => id)).toEqual(['41-0', '42-0']);
});

test('a position keeps its first entry, which is reported when another event is appended there', async () => {
  await using log = await open();
  log.stream.append(entriesFrom(1, 3));
  await readAll(log.stream, 0, 3);
  log.stream.append(entriesFrom(2, 2));
  log.stream.append([entryAt(3, { id: 'another', payload: 'another' }), entryAt(4)]);
  expect(await readAll(log.stream, 0, 4)).toEqual(entriesFrom(1, 4));
  await eventually(() => log.contradictions.length === 1);
  expect(log.contradictions).toEqual([entryAt(3)]);
  expect(log.stream.ready).toBe(true);
});

test('an entry that is appended after a later one contradicts nothing', async () => {
  await using log = await open();
  log.stream.append([entryAt(1), entryAt(3)]);
  log.stream.append([entryAt(2)]);
  log.stream.append([entryAt(3, { id: 'another' })]);
  await eventually(() => log.contradictions.length === 1);
  expect(log.contradictions).toEqual([entryAt(3)]);
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
  expect(await log.stream.readLast()).toBeNull();
  log.stream.append(entriesFrom(1, 3));
  await readAll(log.stream, 0, 3);
  await using later = await open({ key: log.key });
  expect(await later.stream.readLast()).toEqual(entryAt(3));
});

test('after a change of streams nothing of the old one is read, even by a read under way, and it is removed', async () => {
  await using log = await open();
  await using other = await open({ key: log.key });
  log.stream.append(entriesFrom(1, 3));
  await readAll(log.stream, 0, 3);
  const [read, last] = [log.stream.readStream(0), log.stream.readLast()];
  const waiting = other.stream.readStream(3);
  const next = newKey();
  for (const { stream } of [log, other]) stream.use(next);
  expect([await read, await last, await waiting]).toEqual([[], null, []]);
  log.stream.append([entryAt(1_001, { id: 'another' })]);
  expect((await readAll(other.stream, 0, 1)).map(({ id }) => id)).toEqual(['another']);
  expect((await other.stream.readLast())?.id).toBe('another');
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
  log.stream.use(newKey());
  expect(await log.stream.check()).not.toBeNull();
  process.kill(pid, 'SIGCONT');
  await eventually(() => log.stream.ready);
  expect(await connect(valkey!.url).exists(log.key)).toBe(0);
});

test('entries beyond what can be on its way at once are left to the table, and the next ones are appended', async () => {
  await using log = await open();
  log.stream.append(entriesFrom(1, 10_001));
  log.stream.append([entryAt(10_002)]);
  expect(await readAll(log.stream, 0, 1)).toEqual([entryAt(10_002)]);
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
  expect(await read).toEqual([entryAt(5)]);
  expect(await log.stream.readStream(0)).toEqual([entryAt(5)]);
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
