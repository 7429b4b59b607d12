import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type LogTable, createLogTable, pageSize } from '../../src/log/table.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { emptyLog } from '../support/recorded-events.ts';
import { storePositioned } from './made-up-entries.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'cold-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => emptyLog(orm));

/** A table log whose queries are counted, and may be made to fail. */
function open() {
  const seen = { queries: 0, failNext: false };
  const counting = {
    em: {
      fork: () => ({
        async execute(sql: string, values: unknown[]) {
          seen.queries += 1;
          if (seen.failNext) {
            seen.failNext = false;
            throw new Error('no answer');
          }
          return await orm.em.fork().execute(sql, values);
        },
      }),
    },
  };
  return { seen, table: createLogTable(counting as unknown as MikroORM) };
}

const positions = (page: readonly { position: number }[]) => page.map(({ position }) => position);
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('from any position, pages lead to the end of the log without a gap', async () => {
  const end = 2 * pageSize + 77;
  await storePositioned(orm, 1, end);
  const { table } = open();
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: end + 3 }), async (start) => {
      const found: number[] = [];
      for (;;) {
        const page = await table.readPage(found.at(-1) ?? start);
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(pageSize);
        found.push(...positions(page));
      }
      expect(found).toEqual(range(start + 1, end));
    }),
    { numRuns: 40 },
  );
});

test('an entry has all that its event has', async () => {
  await orm.em.fork().execute(
    `insert into webhook_events (id, type, subject, addressed_to, not_for, payload, traceparent, created_at)
       values ('0195f0a0-0000-7000-8000-000000000001', 'webhook.test', 'shop-7', 'crm', 'erp', '{"a":"é\u2028"}', 'its trace', now());
     insert into webhook_log (position, event_id, type, addressed_to, not_for, line, configuration, positioned_at)
       values (1, '0195f0a0-0000-7000-8000-000000000001', 'webhook.test', 'crm', 'erp', 0, 7, now())`,
  );
  const { table } = open();
  expect(await table.readPage(0)).toEqual([
    {
      position: 1,
      id: '0195f0a0-0000-7000-8000-000000000001',
      type: 'webhook.test',
      subject: 'shop-7',
      addressedTo: 'crm',
      notFor: 'erp',
      configuration: 7,
      payload: '{"a":"é\u2028"}',
      traceparent: 'its trace',
    },
  ]);
});

test('readers who ask for the same page at once share one query, and later ones need none', async () => {
  await storePositioned(orm, 1, pageSize + 1);
  const { table, seen } = open();
  const pages = await Promise.all(range(0, 49).map((after) => table.readPage(after * 10)));
  expect(pages.map((page) => page.at(-1)!.position)).toEqual(range(0, 49).map(() => pageSize));
  expect(seen.queries).toBe(1);
  expect(positions(await table.readPage(123))).toEqual(range(124, pageSize));
  expect(seen.queries).toBe(1);
});

test('a page of large events ends after 4 MiB, and pages from any position still lead to the end without a gap', async () => {
  await storePositioned(orm, 1, 70);
  await orm.em.fork().execute(`update webhook_events set payload = repeat('é', 100 * 1024)`);
  const { table, seen } = open();
  for (const start of [0, 19, 20, 21, 60, 69, 70]) {
    const found: number[] = [];
    for (;;) {
      const page = await table.readPage(found.at(-1) ?? start);
      if (page.length === 0) break;
      const bytes = page.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
      expect(bytes).toBeLessThan(4 * 1024 * 1024 + 256 * 1024);
      found.push(...positions(page));
    }
    expect(found).toEqual(range(start + 1, 70));
  }
  expect(seen.queries).toBeLessThan(60);
});

test('the page at the end of the log is read anew, so that later events show', async () => {
  await storePositioned(orm, 1, 3);
  const { table } = open();
  expect(positions(await table.readPage(0))).toEqual([1, 2, 3]);
  expect(positions(await table.readPage(3))).toEqual([]);
  await storePositioned(orm, 4, 4);
  expect(positions(await table.readPage(3))).toEqual([4]);
  await storePositioned(orm, 5, pageSize + 1);
  expect(positions(await table.readPage(4))).toEqual(range(5, pageSize));
  expect(positions(await table.readPage(pageSize))).toEqual([pageSize + 1]);
});

test('a hole ends the page, nothing behind it is given for what follows, and it is no hole once filled', async () => {
  await storePositioned(orm, 1, 2);
  await storePositioned(orm, 4, 5);
  const { table } = open();
  expect(positions(await table.readPage(0))).toEqual([1, 2]);
  expect(positions(await table.readPage(2))).toEqual([]);
  expect(positions(await table.readPage(3))).toEqual([]);
  await storePositioned(orm, 3, 3);
  expect(positions(await table.readPage(2))).toEqual([3, 4, 5]);
});

const storeGap = (first: number, last: number) =>
  orm.em.fork().execute('insert into webhook_log_gaps (first, last) values (?, ?)', [first, last]);

/** All that pages give from a position on. */
async function readOn(table: LogTable, start: number): Promise<number[]> {
  const found: number[] = [];
  for (;;) {
    const after = found.at(-1) ?? start;
    const page = await table.readPage(after);
    if (page.length === 0) return found;
    expect(positions(page)).toEqual(range(page[0]!.position, page.at(-1)!.position));
    found.push(...positions(page));
  }
}

test('pages lead over the gaps that are recorded, from before them and from inside, large or small', async () => {
  await storePositioned(orm, 1, 10);
  await storeGap(11, 1_010);
  await storePositioned(orm, 1_011, 1_020);
  await storeGap(1_021, 1_023);
  await storePositioned(orm, 1_024, 1_700);
  const all = [...range(1, 10), ...range(1_011, 1_020), ...range(1_024, 1_700)];
  for (const start of [0, 4, 10, 11, 499, 500, 1_000, 1_010, 1_011, 1_020, 1_022, 1_023, 1_024, 1_600, 1_700]) {
    const { table } = open();
    expect(await readOn(table, start)).toEqual(all.filter((position) => position > start));
  }
});

test('a gap at the end of the log, which began while it was being read, is learnt by reading on', async () => {
  await storePositioned(orm, 1, 10);
  const { table } = open();
  expect(await readOn(table, 0)).toEqual(range(1, 10));
  await storeGap(11, 1_010);
  expect(await table.readPage(10)).toEqual([]);
  await storePositioned(orm, 1_011, 1_012);
  expect(await readOn(table, 10)).toEqual([1_011, 1_012]);
});

test('what was read before another database came is given to nobody', async () => {
  await storePositioned(orm, 1, 2 * pageSize);
  await storeGap(2 * pageSize + 1, 3 * pageSize);
  const { table } = open();
  await readOn(table, 0);
  const asked = table.readPage(2 * pageSize - 1);
  table.forget();
  expect(await asked).toEqual([]);
  await emptyLog(orm);
  await storePositioned(orm, 1, 10);
  await storeGap(11, 1_300);
  await storePositioned(orm, 1_301, 1_302);
  expect(await readOn(table, 0)).toEqual([...range(1, 10), 1_301, 1_302]);
});

test('a failed read reaches all who waited for it and is not remembered', async () => {
  await storePositioned(orm, 1, 2);
  const { table, seen } = open();
  seen.failNext = true;
  const answers = await Promise.allSettled([table.readPage(0), table.readPage(1)]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(positions(await table.readPage(0))).toEqual([1, 2]);
});

test('at most 64 pages are kept: the one that was asked for longest ago goes first', async () => {
  await storePositioned(orm, 1, 65 * pageSize);
  const { table, seen } = open();
  for (let page = 0; page < 64; page += 1) await table.readPage(page * pageSize);
  await table.readPage(0);
  expect(seen.queries).toBe(64);
  await table.readPage(64 * pageSize);
  expect(seen.queries).toBe(65);
  await table.readPage(0);
  expect(seen.queries).toBe(65);
  await table.readPage(pageSize);
  expect(seen.queries).toBe(66);
});

test('at most 32 MiB are kept, also of large events', async () => {
  await storePositioned(orm, 1, 2 * pageSize, 40_000);
  const { table, seen } = open();
  const readAll = async (after: number, end: number) => {
    const before = seen.queries;
    while (after < end) after = (await table.readPage(after)).at(-1)!.position;
    return seen.queries - before;
  };
  // 500 events are 20 MB: five pages that their bytes end, of 105 events each.
  expect(await readAll(0, 2 * pageSize)).toBe(10);
  expect(await readAll(pageSize, 2 * pageSize)).toBe(0);
  expect(await readAll(0, pageSize)).toBeGreaterThan(1);
});
