import { readFile } from 'node:fs/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pastGapSql } from '../../src/cursors/predicates.ts';
import { type Gap, pastGap } from '../../src/log/gaps.ts';
import { readGaps } from '../../src/log/read-gaps.ts';
import { LogHead } from '../../src/model/log-head.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 1, name: 'gaps-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const positions = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

test('reading goes on after a gap from just before it and from anywhere inside it, and elsewhere where it is', () => {
  const gaps = [{ first: 11, last: 2_000 }];
  expect([9, 10, 11, 500, 1_999, 2_000, 2_001].map((position) => pastGap(gaps, position))).toEqual([
    9, 2_000, 2_000, 2_000, 2_000, 2_000, 2_001,
  ]);
  expect(pastGap([], 10)).toBe(10);
  // The log that was restored was empty.
  expect(pastGap([{ first: 1, last: 1_005 }], 0)).toBe(1_005);
});

/** Gaps with at least one event between each two. */
const someGaps = fc
  .array(fc.record({ events: fc.integer({ min: 1, max: 4 }), length: fc.integer({ min: 1, max: 4 }) }), {
    maxLength: 4,
  })
  .map((parts) =>
    parts.reduce<Gap[]>((gaps, { events, length }) => {
      const first = (gaps.at(-1)?.last ?? 0) + events + 1;
      return [...gaps, { first, last: first + length - 1 }];
    }, []),
  );

test('going on after each event in turn leads through all events and no gap, and Postgres says the same', async () => {
  await fc.assert(
    fc.asyncProperty(someGaps, async (gaps) => {
      const inGap = new Set(gaps.flatMap(({ first, last }) => positions(first, last)));
      const end = (gaps.at(-1)?.last ?? 0) + 3;
      const events = positions(1, end).filter((position) => !inGap.has(position));
      const seen: number[] = [];
      for (let next = pastGap(gaps, 0) + 1; next <= end; next = pastGap(gaps, next) + 1) seen.push(next);
      expect(seen).toEqual(events);

      await orm.em.fork().execute('truncate webhook_log_gaps');
      for (const { first, last } of gaps) {
        await orm.em.fork().execute('insert into webhook_log_gaps (first, last) values (?, ?)', [first, last]);
      }
      expect(await readGaps(orm)).toEqual(gaps);
      const rows = await orm.em
        .fork()
        .execute<{ past: number }[]>(
          `select ${pastGapSql('n')}::float8 as past from generate_series(0, ${end}) n order by n`,
        );
      expect(rows.map(({ past }) => past)).toEqual(positions(0, end).map((position) => pastGap(gaps, position)));
    }),
    { numRuns: 40 },
  );
});

test('a head that was raised by hand, as the docs say, leaves a gap like any other', async () => {
  const docs = await readFile(`${import.meta.dirname}/../../docs/reliability.md`, 'utf8');
  const [, statement] = /```sql\n([^`]+webhook_log_gaps[^`]+)```/.exec(docs)!;
  await orm.em.fork().execute('truncate webhook_log_gaps; update webhook_log_head set position = 10');
  await orm.em.fork().execute(statement!);
  expect(await readGaps(orm)).toEqual([{ first: 11, last: 1_000_010 }]);
  expect((await orm.em.fork().findOneOrFail(LogHead, 1)).position).toBe(1_000_010);
});
