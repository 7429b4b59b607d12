import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LogEntry } from '../../src/log/entry.ts';
import { type LogReaderParts, startLogReader } from '../../src/log/reader.ts';
import { eventually } from '../support/eventually.ts';
import { entriesFrom, entryAt } from './made-up-entries.ts';

const yieldToOthers = () => new Promise<void>((resolve) => setImmediate(resolve));
const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** An entry that fails whoever looks at it without end: a loop that waits for nothing would hang the test run. */
function impatient(entry: LogEntry): LogEntry {
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

/** Starts a reader on a made-up log; `taken` holds the positions that came, `errors` what went wrong. */
function start(parts: Pick<LogReaderParts, 'hot' | 'cold'> & Partial<LogReaderParts>) {
  const taken: number[] = [];
  const errors: unknown[] = [];
  const reader = startLogReader({
    after: 0,
    take: (entries) => void taken.push(...entries.map(({ position }) => position)),
    onError: (error) => errors.push(error),
    ...parts,
  });
  return { ...reader, taken, errors };
}

/** What the stream answers next, given what was asked; ghosts are entries that no log ever had. */
const hotAnswer = fc.oneof(
  fc.constant('null' as const),
  fc.constant('silence' as const),
  fc.constant('not ready' as const),
  fc.record({
    /** Positions from the one asked for: negative ones are repeats, those above 1 leave a gap. */
    offsets: fc.array(fc.integer({ min: -3, max: 6 }), { minLength: 1, maxLength: 6 }),
    inOrder: fc.boolean(),
    /** Rare: each one costs a pause. */
    ghosts: fc.constantFrom(...Array<number>(39).fill(0), 2),
  }),
);

const happening = fc.record({
  publish: fc.integer({ min: 0, max: 12 }),
  tellHead: fc.boolean(),
  hot: fc.array(hotAnswer, { maxLength: 4 }),
});

test('whatever the stream makes of it, every position is taken exactly once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      async (happenings, pageSize) => {
        const end = happenings.reduce((sum, { publish }) => sum + publish, 0);
        let committed = 0;
        let answers: (typeof happenings)[number]['hot'] = [];
        const hot = {
          get ready() {
            return answers[0] !== 'not ready' || answers.shift() === undefined;
          },
          async read(after: number) {
            await yieldToOthers();
            const answer = answers.shift() ?? 'silence';
            if (answer === 'null') return null;
            if (typeof answer === 'string') return [];
            const { offsets, inOrder, ghosts } = answer;
            const found = offsets.map((offset) => after + offset).filter((at) => at >= 1 && at <= committed);
            if (inOrder) found.sort((one, other) => one - other);
            const entries = [...found.map((at) => entryAt(at)), ...range(ghosts).map((at) => entryAt(end + 1 + at))];
            return entries.map(impatient);
          },
        };
        const cold = {
          async page(after: number) {
            await yieldToOthers();
            return entriesFrom(after + 1, Math.min(pageSize, committed - after));
          },
        };
        const reader = start({ hot, cold });
        for (const { publish, tellHead, hot: next } of happenings) {
          committed += publish;
          answers = [...answers, ...next];
          if (tellHead) reader.headIs(committed);
          await yieldToOthers();
        }
        // As the heartbeat does, again and again.
        await eventually(() => {
          reader.headIs(end);
          return reader.taken.length >= end || reader.errors.length > 0;
        });
        await yieldToOthers();
        await reader[Symbol.asyncDispose]();
        expect({ taken: reader.taken, errors: reader.errors }).toEqual({ taken: range(end), errors: [] });
      },
    ),
    { numRuns: 150 },
  );
});

test('an answer that repeats an entry is taken once and ends', async () => {
  const answers = [[1, 1, 2], [3, 2, 3], [3], [5, 4, 5]];
  const hot = {
    ready: true,
    async read() {
      await yieldToOthers();
      return (answers.shift() ?? []).map((at) => impatient(entryAt(at)));
    },
  };
  const reader = start({ hot, cold: { page: async (after) => entriesFrom(after + 1, 5 - after) } });
  await eventually(() => reader.taken.length === 5 || reader.errors.length > 0);
  await reader[Symbol.asyncDispose]();
  expect({ taken: reader.taken, errors: reader.errors }).toEqual({ taken: [1, 2, 3, 4, 5], errors: [] });
});

test('entries beyond what Postgres has are not believed, and are not asked for without pause', async () => {
  const asked: number[] = [];
  const hot = {
    ready: true,
    async read() {
      await yieldToOthers();
      return [entryAt(7)];
    },
  };
  const cold = {
    async page(after: number) {
      asked.push(performance.now());
      await yieldToOthers();
      return entriesFrom(after + 1, 3 - after);
    },
  };
  const reader = start({ hot, cold });
  await eventually(() => asked.length >= 5);
  await reader[Symbol.asyncDispose]();
  expect(reader.taken).toEqual([1, 2, 3]);
  expect(asked[4]! - asked[1]!).toBeGreaterThan(100);
});

test('a hole in Postgres is waited for without asking all the time, and passed once it is filled', async () => {
  const asked: number[] = [];
  let end = 2;
  const cold = {
    async page(after: number) {
      asked.push(performance.now());
      await yieldToOthers();
      return entriesFrom(after + 1, end - after);
    },
  };
  const reader = start({ hot: null, cold });
  reader.headIs(4);
  await eventually(() => asked.length >= 5);
  end = 4;
  await eventually(() => reader.taken.length === 4);
  await reader[Symbol.asyncDispose]();
  expect(reader.taken).toEqual([1, 2, 3, 4]);
  expect(asked[4]! - asked[1]!).toBeGreaterThan(100);
});

test('a gap at the tail, which no later entry shows, is found through the head', async () => {
  const hot = {
    ready: true,
    async read() {
      await yieldToOthers();
      return [];
    },
  };
  const reader = start({ hot, cold: { page: async (after) => entriesFrom(after + 1, 2 - after) } });
  reader.headIs(2);
  await eventually(() => reader.taken.length === 2);
  await reader[Symbol.asyncDispose]();
  expect(reader.taken).toEqual([1, 2]);
});

test('without a stream it sleeps until it is told of a longer log, and an earlier head is nothing new', async () => {
  let pages = 0;
  const cold = {
    async page(after: number) {
      pages += 1;
      return entriesFrom(after + 1, Math.min(2, 10 - after));
    },
  };
  const reader = start({ hot: null, cold, after: 4 });
  reader.headIs(3);
  await yieldToOthers();
  expect(pages).toBe(0);
  reader.headIs(8);
  reader.headIs(6);
  await eventually(() => reader.taken.length >= 4);
  await reader[Symbol.asyncDispose]();
  expect(reader.taken).toEqual([5, 6, 7, 8]);
  expect(pages).toBe(2);
});

test('a failed read is told and tried again, and nothing is skipped', async () => {
  let fails = 1;
  const cold = {
    async page(after: number) {
      if (after === 2 && fails-- > 0) throw new Error('no answer');
      return entriesFrom(after + 1, Math.min(2, 6 - after));
    },
  };
  const reader = start({ hot: null, cold });
  reader.headIs(6);
  await eventually(() => reader.taken.length === 6);
  await reader[Symbol.asyncDispose]();
  expect(reader.taken).toEqual(range(6));
  expect(reader.errors).toHaveLength(1);
});

test('it ends at once while it waits, and takes nothing more', async () => {
  const reader = start({ hot: null, cold: { page: async (after) => entriesFrom(after + 1, 1) } });
  await reader[Symbol.asyncDispose]();
  reader.headIs(1);
  await yieldToOthers();
  expect(reader.taken).toEqual([]);
});
