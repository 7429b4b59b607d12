import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch, BatchEntry } from '../../src/log/batch.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import { createLogReader } from '../../src/log/reader.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';
import { entriesFrom, entryAt } from './made-up-entries.ts';

const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** An entry that fails whoever looks at it without end: a loop that waits for nothing would hang the test run. */
function impatient(entry: BatchEntry): BatchEntry {
  let looks = 0;
  return Object.defineProperty({ ...entry }, 'position', {
    enumerable: true,
    get() {
      looks += 1;
      if (looks > 100_000) throw new Error(`entry ${entry.position} is looked at without end`);
      return entry.position;
    },
  });
}

type Question<Answer> = { after: number; answer(given: Answer): void };

/** Its payload is not in the stream. */
const leftOut = (entry: LogEntry): BatchEntry => ({ ...entry, payload: null });

/** A reader whose questions wait until the test answers them; `taken` holds the positions that came. */
function start({ after = 0, streamReady = true, holdsTaken = false } = {}) {
  const time = createSimulatedTime();
  const stream: Question<readonly Batch[] | null>[] = [];
  const pages: Question<readonly LogEntry[]>[] = [];
  const taken: number[] = [];
  /** Where the log ends in Postgres, for who asks. Null: Postgres does not answer. */
  const world = { streamReady, head: Infinity as number | null };
  const headAsked: number[] = [];
  let goOn: (() => void) | null = null;

  function ask<Answer>(questions: Question<Answer>[], from: number, done: (answer: Answer) => void): void {
    const question = {
      after: from,
      answer(given: Answer) {
        questions.splice(questions.indexOf(question), 1);
        done(given);
      },
    };
    questions.push(question);
  }

  const reader = createLogReader({
    schedule: (delayMs, callback) => time.at(delayMs, callback),
    readStream: (from, done) => ask(stream, from, done),
    readPage: (from, done) => ask(pages, from, done),
    streamReady: () => world.streamReady,
    askHead({ position }, done) {
      headAsked.push(position);
      if (world.head !== null) reader.headIs(world.head);
      done();
    },
    offer(entries, done) {
      for (const { payload } of entries) expect(payload).toEqual(expect.any(String));
      taken.push(...entries.map(({ position }) => position));
      if (holdsTaken) goOn = done;
      else done();
    },
  });
  reader.start(after);
  return {
    ...reader,
    stream,
    ...{ pages, taken, headAsked, world },
    pass: time.pass,
    /** Lets it go on after what it gave. */
    goOn: () => goOn!(),
    /** Answers the page that it asks for from a log that ends at `end`. */
    givePage(end: number, most = 500): void {
      const { after: from, answer } = pages[0]!;
      answer(entriesFrom(from + 1, Math.max(0, Math.min(most, end - from))));
    },
  };
}

/** What the stream answers next, given what was asked; ghosts are entries that no log ever had. */
const streamAnswer = fc.oneof(
  fc.constant('null' as const),
  fc.constant('silence' as const),
  fc.constant('not ready' as const),
  fc.record({
    batches: fc.array(
      fc.record({
        /** Its last position, from the one asked for: a negative one is a repeat. */
        offset: fc.integer({ min: -3, max: 6 }),
        /** So that it may begin before what was asked for, behind it, or leave a gap. */
        size: fc.integer({ min: 1, max: 5 }),
        leftOut: fc.integer({ min: 0, max: 31 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    inOrder: fc.boolean(),
    ghosts: fc.constantFrom(0, 0, 0, 2),
  }),
);

const happening = fc.record({
  publish: fc.integer({ min: 0, max: 12 }),
  tellHead: fc.boolean(),
  stream: streamAnswer,
  /** What Postgres gives is less than there is, or nothing: it fails. */
  pageSize: fc.integer({ min: 0, max: 9 }),
  passMs: fc.constantFrom(0, 0, 300),
});

test('whatever the stream makes of it, every position is taken exactly once and in order', () => {
  fc.assert(
    fc.property(fc.array(happening, { minLength: 1, maxLength: 40 }), (happenings) => {
      const end = happenings.reduce((sum, { publish }) => sum + publish, 0);
      let committed = 0;
      const reader = start();

      function answerStream(answer: (typeof happenings)[number]['stream']): void {
        const question = reader.stream[0]!;
        if (answer === 'null') return question.answer(null);
        if (typeof answer === 'string') return question.answer([]);
        const { batches, inOrder, ghosts } = answer;
        const found = batches.flatMap(({ offset, size, leftOut: which }) => {
          const last = Math.min(question.after + offset, committed);
          if (last < 1) return [];
          const first = Math.max(1, last - size + 1);
          const entries = entriesFrom(first, last - first + 1);
          return [entries.map((entry, index) => ((which >> index) & 1 ? leftOut(entry) : entry)).map(impatient)];
        });
        if (inOrder) found.sort((one, other) => one.at(-1)!.position - other.at(-1)!.position);
        question.answer([...found, ...range(ghosts).map((at) => [entryAt(end + 1 + at)])]);
      }

      for (const { publish, tellHead, stream, pageSize, passMs } of happenings) {
        committed += publish;
        reader.world.head = stream === 'silence' ? null : committed;
        reader.world.streamReady = stream !== 'not ready';
        if (tellHead) reader.headIs(committed);
        // At most one question is under way.
        expect(reader.stream.length + reader.pages.length).toBeLessThanOrEqual(1);
        if (reader.stream.length > 0) answerStream(stream);
        else if (reader.pages.length > 0) reader.givePage(committed, pageSize);
        reader.pass(passMs);
      }
      // As the heartbeat does, again and again.
      for (let round = 0; round < 200 && reader.taken.length < end; round += 1) {
        reader.headIs(end);
        if (reader.stream.length > 0) reader.stream[0]!.answer([]);
        else if (reader.pages.length > 0) reader.givePage(end, 3);
        reader.pass(300);
      }
      expect(reader.taken).toEqual(range(end));
    }),
    { numRuns: 1_000 },
  );
});

test('an answer that repeats an entry is taken once and ends', () => {
  const reader = start();
  for (const answer of [[1, 1, 2], [3, 2, 3], [3], [5, 4, 5]]) {
    reader.stream[0]!.answer(answer.map((at) => [impatient(entryAt(at))]));
    while (reader.pages.length > 0) reader.givePage(5);
  }
  expect(reader.taken).toEqual([1, 2, 3, 4, 5]);
});

test('entries beyond what Postgres has are not believed, and are not asked for without pause', () => {
  const reader = start();
  reader.world.head = 3;
  reader.stream[0]!.answer([entriesFrom(1, 2), entriesFrom(3, 5)]);
  expect([reader.headAsked, reader.taken, reader.stream, reader.pages]).toEqual([[7], [], [], []]);
  reader.pass(100);
  expect([reader.stream, reader.pages]).toEqual([[], []]);
  reader.pass(400);
  expect(reader.stream.map(({ after }) => after)).toEqual([0]);
});

test('what Postgres has is taken as soon as it says so, and what it says while it is away is nothing', () => {
  const reader = start();
  reader.world.head = null;
  reader.stream[0]!.answer([entriesFrom(1, 2)]);
  expect([reader.taken, reader.stream]).toEqual([[], []]);
  reader.pass(500);
  reader.world.head = 2;
  reader.stream[0]!.answer([entriesFrom(1, 2)]);
  expect(reader.taken).toEqual([1, 2]);
  reader.headIs(4);
  reader.stream[0]!.answer([entriesFrom(3, 2)]);
  expect(reader.taken).toEqual([1, 2, 3, 4]);
  expect(reader.headAsked).toEqual([2, 2]);
});

test('of a batch that begins before what was seen only the rest is taken', () => {
  const reader = start({ after: 3 });
  reader.stream[0]!.answer([entriesFrom(1, 5), entriesFrom(4, 4)]);
  expect([reader.taken, reader.pages]).toEqual([[4, 5, 6, 7], []]);
});

test('an event whose payload was left out is read from the table, and what follows it comes from the stream again', () => {
  const reader = start();
  reader.stream[0]!.answer([[entryAt(1), leftOut(entryAt(2)), leftOut(entryAt(3)), entryAt(4)], [leftOut(entryAt(5))]]);
  expect(reader.taken).toEqual([1]);
  reader.givePage(2);
  reader.givePage(3);
  expect(reader.taken).toEqual([1, 2, 3, 4]);
  reader.givePage(5);
  expect([reader.taken, reader.stream.map(({ after }) => after)]).toEqual([[1, 2, 3, 4, 5], [5]]);
});

test('a hole in Postgres, or a read that failed, is waited for without asking all the time, and nothing is skipped', () => {
  const reader = start({ streamReady: false });
  reader.headIs(4);
  reader.givePage(2);
  for (let round = 0; round < 5; round += 1) {
    reader.givePage(2);
    expect(reader.pages).toEqual([]);
    reader.pass(1_000);
  }
  reader.givePage(4);
  expect(reader.taken).toEqual([1, 2, 3, 4]);
});

test('a gap at the stream’s end, which no later entry shows, is found through the log’s head', () => {
  const reader = start();
  reader.headIs(2);
  // Asked before the head was known.
  reader.stream[0]!.answer([]);
  expect(reader.pages).toEqual([]);
  reader.stream[0]!.answer([]);
  reader.givePage(2);
  expect(reader.taken).toEqual([1, 2]);
});

test('without a stream the reader sleeps until the log’s head rises, and an earlier head does not wake it', () => {
  const reader = start({ streamReady: false, after: 4 });
  reader.headIs(3);
  expect(reader.pages).toEqual([]);
  reader.headIs(8);
  reader.headIs(6);
  reader.givePage(10, 2);
  reader.givePage(10, 2);
  expect(reader.taken).toEqual([5, 6, 7, 8]);
  expect(reader.pages).toEqual([]);
});

test('a stream that becomes ready is read with the next report of the head, though the log is no longer than before', () => {
  const reader = start({ streamReady: false });
  reader.world.streamReady = true;
  reader.headIs(0);
  reader.stream[0]!.answer([entriesFrom(1, 2)]);
  expect(reader.taken).toEqual([1, 2]);
});

test('nothing more is read before the entries that were given are taken', () => {
  const reader = start({ holdsTaken: true });
  reader.stream[0]!.answer([entriesFrom(1, 2)]);
  reader.headIs(9);
  reader.pass(10_000);
  expect([reader.stream, reader.pages, reader.taken]).toEqual([[], [], [1, 2]]);
  reader.goOn();
  expect(reader.stream.map(({ after }) => after)).toEqual([2]);
});

test.each(['the stream', 'Postgres', 'the taking', 'a pause'] as const)(
  'a reader that begins again elsewhere while it waits for %s takes nothing of what was under way',
  (waitsFor) => {
    const reader = start({ holdsTaken: true, streamReady: waitsFor === 'the stream' });
    if (waitsFor !== 'the stream') reader.headIs(3);
    if (waitsFor === 'the taking') reader.givePage(3, 1);
    if (waitsFor === 'a pause') reader.givePage(0);
    const before = reader.taken.length;
    reader.start(1_000);
    reader.headIs(1_001);
    if (waitsFor === 'the stream') reader.stream[0]!.answer([entriesFrom(1, 2)]);
    if (waitsFor === 'Postgres') reader.givePage(3);
    if (waitsFor === 'the taking') reader.goOn();
    reader.pass(10_000);
    expect(reader.taken.slice(before)).toEqual([]);
    const asked = [...reader.stream, ...reader.pages];
    expect(asked.map(({ after }) => after)).toEqual([1_000]);
    if (waitsFor === 'the stream') reader.stream[0]!.answer([entriesFrom(1_001, 1)]);
    else reader.pages[0]!.answer(entriesFrom(1_001, 1));
    expect(reader.taken.slice(before)).toEqual([1_001]);
  },
);

test.each([true, false])('a stopped reader takes nothing more, and asks nothing (stream ready: %s)', (streamReady) => {
  const reader = start({ streamReady });
  if (!streamReady) reader.headIs(1);
  reader.stop();
  reader.headIs(5);
  for (const { answer } of reader.stream) answer([entriesFrom(1, 1)]);
  for (const { answer } of reader.pages) answer(entriesFrom(1, 1));
  reader.pass(10_000);
  expect([reader.stream, reader.pages, reader.taken]).toEqual([[], [], []]);
});
