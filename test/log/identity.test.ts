import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { beginEpoch, beginStream, identifyLog, streamName } from '../../src/log/identity.ts';
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
    `truncate webhook_log_gaps;
     update webhook_log_head set position = 10, epoch = '1', positioned_at = '-infinity'`,
  );
});

const headIs = (position: number) => orm.em.fork().execute('update webhook_log_head set position = ?', [position]);
const head = async () => (await orm.em.fork().findOneOrFail(LogHead, 1)).position;

test('a log gets its name once, whoever asks first, and another database another one', async () => {
  const keys = await Promise.all(Array.from({ length: 4 }, async () => streamName(await identifyLog(orm)).key));
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).toMatch(/^tidings:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:1:1:events$/);
  await using another = await openDatabase();
  const other = openOrm({ url: another.url, connections: 1, name: 'identity-test' });
  const name = streamName(await identifyLog(other));
  expect(name.key).not.toBe(keys[0]);
  // Both are copies of one template, which knows neither.
  expect(name.secret).not.toBe(streamName(await identifyLog(orm)).secret);
  expect(name.secret).toMatch(/^[0-9a-f]{64}$/);
  await other.close(true);
});

test('a new epoch is another stream of the same log, which goes on above its end and all that was known', async () => {
  const { prefix, stream } = await identifyLog(orm);
  const epoch = await beginEpoch(orm, { from: '1', past: 25 });
  expect(epoch).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const after = await identifyLog(orm);
  expect(after).toEqual({ prefix, stream: { epoch, number: 1, secret: expect.not.stringMatching(stream.secret) } });
  expect(await head()).toBe(100_025);
  expect(await readGaps(orm)).toEqual([{ first: 11, last: 100_025 }]);
});

test('of several instances at once one begins the next stream of an epoch: another key, another secret, the same head', async () => {
  const before = (await identifyLog(orm)).stream;
  await Promise.all([1, 2, 3, 4].map(() => beginStream(orm, before)));
  const { stream } = await identifyLog(orm);
  expect(stream).toMatchObject({ epoch: before.epoch, number: before.number + 1 });
  expect(stream.secret).not.toBe(before.secret);
  expect([await head(), await readGaps(orm)]).toEqual([10, []]);
  await beginStream(orm, { ...stream, epoch: 'another' });
  expect((await identifyLog(orm)).stream).toEqual(stream);
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
