import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { beginEpoch, identifyLog, streamKey } from '../../src/log/identity.ts';
import { LogHead } from '../../src/model/log-head.ts';
import { openOrm } from '../../src/model/orm.ts';
import { readGaps } from '../../src/log/read-gaps.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'identity-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em.fork().execute(
    `truncate webhook_events, webhook_log_gaps;
       update webhook_log_head set position = 10, epoch = '1', positioned_at = '-infinity'`,
  );
});

const headIs = (position: number) => orm.em.fork().execute('update webhook_log_head set position = ?', [position]);
const head = async () => (await orm.em.fork().findOneOrFail(LogHead, 1)).position;

test('a log gets its name once, whoever asks first, and another database another one', async () => {
  const keys = await Promise.all(Array.from({ length: 4 }, async () => streamKey(await identifyLog(orm))));
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).toMatch(/^tidings:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:1:events$/);
  await using another = await openDatabase();
  const other = openOrm({ url: another.url, connections: 1, name: 'identity-test' });
  expect(streamKey(await identifyLog(other))).not.toBe(keys[0]);
  await other.close(true);
});

test('a new epoch is another stream of the same log, which goes on above its end and all that was known', async () => {
  const { prefix } = await identifyLog(orm);
  const epoch = await beginEpoch(orm, { from: '1', past: 25 });
  expect(epoch).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(await identifyLog(orm)).toEqual({ prefix, epoch });
  expect(await head()).toBe(100_025);
  expect(await readGaps(orm)).toEqual([{ first: 11, last: 100_025 }]);
});

test('of several instances at once one begins the new epoch, and all get the same one', async () => {
  const epochs = await Promise.all([1, 2, 3, 4].map(() => beginEpoch(orm, { from: '1', past: 25 })));
  expect(new Set(epochs).size).toBe(1);
  expect(await head()).toBe(100_025);
  expect(await readGaps(orm)).toHaveLength(1);
});

test('an instance that knew of more than the first one moves the log’s end once more, and the gap stays one', async () => {
  const first = await beginEpoch(orm, { from: '1', past: 25 });
  const second = await beginEpoch(orm, { from: '1', past: 200_000 });
  expect(second).not.toBe(first);
  expect(await head()).toBe(300_000);
  expect(await readGaps(orm)).toEqual([{ first: 11, last: 300_000 }]);
  // The log went on; somebody who slept through it all comes late.
  await headIs(300_007);
  expect(await beginEpoch(orm, { from: '1', past: 900 })).toBe(second);
  expect(await beginEpoch(orm, { from: second, past: 300_007 })).not.toBe(second);
  expect(await readGaps(orm)).toEqual([
    { first: 11, last: 300_000 },
    { first: 300_008, last: 400_007 },
  ]);
});

test('the time of positions never goes back, though the clock did', async () => {
  const at = async () => {
    const [row] = await orm.em.fork().execute<[{ at: string }]>('select positioned_at as at from webhook_log_head');
    return new Date(row.at);
  };
  const ahead = new Date(Date.now() + 86_400_000);
  await orm.em.fork().execute('update webhook_log_head set positioned_at = ?', [ahead]);
  await beginEpoch(orm, { from: '1', past: 0 });
  expect(await at()).toEqual(ahead);
});
