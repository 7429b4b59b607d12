// Live tails on a real database, with real recorders: nothing missing, nothing twice, each endpoint's in order.

import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createBatchReader } from '../../../src/api/tail/read-batches.ts';
import { readCursor, writeCursor } from '../../../src/api/tail/seen.ts';
import { type Ended, type Recorded, type TailOptions, type Tails, createTails } from '../../../src/api/tail/tails.ts';
import { newId } from '../../../src/model/new-id.ts';
import { openOrm } from '../../../src/model/orm.ts';
import { openReads } from '../../../src/model/reads.ts';
import { Refusal } from '../../../src/policy/refusal.ts';
import { deliveryRow } from '../../../src/worker/delivery-row.ts';
import { type Recorder, createRecorder } from '../../../src/worker/recorder.ts';
import { type TestDatabase, openDatabase } from '../../support/database.ts';
import { makeTurn, resultOf } from '../../worker/made-up-turn.ts';
import { storeDelivery } from '../stored-rows.ts';

let database: TestDatabase;
let orm: MikroORM;
let reads: MikroORM;
let recorders: Recorder[];
let ending: AbortController;
let tails: Tails;

const log = { debug() {}, warn() {}, error() {} };

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'tails-test' });
  reads = openReads({ url: database.url });
  await orm.em.fork().execute('update webhook_log_head set log_id = gen_random_uuid()');
});
afterAll(async () => {
  await Promise.all([orm.close(true), reads.close(true)]);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em.fork().execute('truncate webhook_deliveries');
  recorders = Array.from({ length: 3 }, () => createRecorder({ orm, log: log as never, version: '1.0.0' }));
  ending = new AbortController();
  tails = createTails({ reads, ending: ending.signal, log, checkEveryMs: 0 });
});

let position = 0;

/** One attempt, by the recorder with this number; resolves with its id when it is durable. */
async function record(by: number, endpointId: string, status: 'delivered' | 'failed' = 'delivered'): Promise<string> {
  position += 1;
  const id = newId();
  const turn = makeTurn(1, { endpoint: { id: endpointId } });
  const result = resultOf(status === 'delivered' ? 200 : 500);
  const failure = status === 'failed' ? { status, waitMs: 0, pause: null } : null;
  const row = deliveryRow({ id, turn, event: { ...turn.events[0]!, position }, attempt: 1, result, failure });
  await recorders[by]!.record({ row, pause: null, leaseEpoch: turn.lease.epoch });
  return id;
}

const given: TailOptions = {
  endpointId: null,
  status: null,
  after: null,
  client: 'one',
  check: () => Promise.resolve(),
};

/** So many of what a tail sends; the tail is closed then. */
async function take(count: number, options: Partial<TailOptions> = {}): Promise<Recorded[]> {
  const tail = await tails.open({ ...given, ...options });
  const taken: Recorded[] = [];
  while (taken.length < count) {
    const { value } = await tail.next();
    if (!value || 'refusal' in value) throw value?.refusal ?? new Error('the tail ended');
    taken.push(value);
  }
  await tail.return();
  return taken;
}

const idsOf = (recorded: readonly Recorded[]) => recorded.map(({ delivery }) => delivery.id);

/** A cursor from before anything that the test records. */
async function beginning(): Promise<string> {
  await record(0, 'before');
  const tail = await tails.open(given);
  const id = await record(0, 'before');
  const { value } = (await tail.next()) as { value: Recorded };
  expect(value.delivery.id).toBe(id);
  await tail.return();
  return value.cursor;
}

test('a tail begins with what is recorded after it was opened', async () => {
  await record(0, 'crm');
  const tail = await tails.open(given);
  const ids = [await record(1, 'crm'), await record(0, 'billing'), await record(1, 'crm')];
  const seen: string[] = [];
  for (const _ of ids) seen.push(((await tail.next()).value as Recorded).delivery.id);
  expect(seen).toEqual(ids);
  await tail.return();
});

test('after a cut at any delivery the next one comes first, with whatever recorder and in whatever batch it was', async () => {
  const after = await beginning();
  const ids: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    // Those of one recorder share batches; one endpoint's go from recorder to recorder.
    const together = [0, 1, 2].flatMap((by) => Array.from({ length: 5 }, () => record(by, `endpoint-${by}`)));
    ids.push(...(await Promise.all(together)));
    for (const by of [0, 1, 2]) ids.push(await record(by, 'wanders'));
  }
  const wandering = ids.filter((_, index) => index % 18 >= 15);
  const whole = await take(ids.length, { after });
  expect(new Set(idsOf(whole))).toEqual(new Set(ids));
  expect(whole.filter(({ delivery }) => delivery.endpointId === 'wanders').map(({ delivery }) => delivery.id)).toEqual(
    wandering,
  );
  for (const [index, { cursor }] of whole.slice(0, -1).entries()) {
    const rest = idsOf(await take(whole.length - index - 1, { after: cursor }));
    expect(rest.toSorted()).toEqual(idsOf(whole.slice(index + 1)).toSorted());
  }
});

test('what was begun before others and committed after them still comes, once', async () => {
  const after = await beginning();
  const held = await hold();
  const late = record(1, 'late');
  const early = [await record(0, 'crm'), await record(0, 'crm')];
  const first = await take(2, { after });
  expect(idsOf(first)).toEqual(early);
  await held.release();
  const id = await late;
  const [last] = await take(1, { after: first[1]!.cursor });
  expect(last!.delivery.id).toBe(id);
  expect(idsOf(await take(3, { after })).toSorted()).toEqual([...early, id].toSorted());
});

test('a filter drops what it drops, and another filter goes on from the same cursor', async () => {
  const after = await beginning();
  const failed = await record(0, 'crm', 'failed');
  const delivered = await record(0, 'crm');
  const other = await record(1, 'billing', 'failed');
  expect(idsOf(await take(2, { after, status: 'failed' }))).toEqual([failed, other]);
  expect(idsOf(await take(2, { after, endpointId: 'crm' }))).toEqual([failed, delivered]);
  const [first] = await take(1, { after, status: 'failed' });
  expect(idsOf(await take(2, { after: first!.cursor }))).toEqual([delivered, other]);
});

test('fifty tails get each delivery once, from one reading of each batch', async () => {
  const open = await Promise.all(Array.from({ length: 50 }, () => tails.open(given)));
  const ids = [await record(0, 'crm'), await record(1, 'crm'), await record(2, 'crm')];
  const all = await Promise.all(
    open.map(async (tail) => {
      const got: string[] = [];
      for (const _ of ids) got.push(((await tail.next()).value as Recorded).delivery.id);
      return got;
    }),
  );
  expect(new Set(all.map(String))).toEqual(new Set([String(ids)]));
  await Promise.all(open.map((tail) => tail.return()));
});

test('where a writer was that a cursor does not name is found among all of its batches, some of which are missing', async () => {
  const reader = createBatchReader(reads);
  const writers = [crypto.randomUUID(), crypto.randomUUID()];
  const rows = writers.flatMap((writer, index) =>
    Array.from({ length: 40 }, (_, at) => ({ writer, batch: 3 + 2 * at + (at > 20 ? 50 : 0), at: 1_000 * at + index })),
  );
  const begun = Date.now() - 60_000;
  for (const { writer, batch, at } of rows) {
    const { id } = await storeDelivery(orm, { writer, batch });
    const mark = 'update webhook_deliveries set batch_from = id, recorded_at = ? where id = ?';
    await orm.em.fork().execute(mark, [new Date(begun + at), id]);
  }
  for (const until of [-1, 0, 1, 500, 20_000, 20_001, 39_000, 90_000]) {
    const { seen } = await reader.place(new Map(), begun + until);
    const expected = writers.flatMap((writer) => {
      const last = rows.findLast((row) => row.writer === writer && row.at <= until);
      return last === undefined ? [] : [[writer, { batch: last.batch, at: begun + last.at }]];
    });
    expect(seen.writers).toEqual(new Map(expected as never));
  }
  const [first, second] = writers as [string, string];
  const named = new Map([[first, { batch: 5, at: begun }]]);
  expect((await reader.place(named, begun)).seen.writers).toEqual(named);
  expect((await reader.place(named, null)).seen.writers.get(second)).toEqual({ batch: 131, at: begun + 39_001 });
});

test('a cursor that is none of ours, or older than a day, is refused', async () => {
  const after = await beginning();
  await expect(tails.open({ ...given, after: 'none of ours' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  const [history] = await orm.em
    .fork()
    .execute<[{ logId: string; epoch: string }]>('select log_id::text as "logId", epoch from webhook_log_head');
  const { seen } = readCursor(after, history)!;
  const old = writeCursor({ ...seen, at: seen.at - 25 * 60 * 60_000 }, history);
  await expect(tails.open({ ...given, after: old })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  await orm.em.fork().execute("update webhook_log_head set epoch = 'another'");
  await expect(tails.open({ ...given, after })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  await orm.em.fork().execute('update webhook_log_head set epoch = ?', [history.epoch]);
});

test('a client has so many open tails and no more, until it closes one', async () => {
  const open = await Promise.all(Array.from({ length: 64 }, () => tails.open(given)));
  await expect(tails.open(given)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  const another = await tails.open({ ...given, client: 'another' });
  await open.pop()!.return();
  const next = await tails.open(given);
  await Promise.all([...open, another, next].map((tail) => tail.return()));
});

test('a tail says why it ends: the service ends, or who asks may no longer', async () => {
  const until = (tail: AsyncGenerator<Recorded | Ended, void>) =>
    tail.next().then(({ value }) => (value as Ended).refusal.code);
  const open = await tails.open(given);
  const refused = await tails.open({
    ...given,
    check: () => Promise.reject(new Refusal('FORBIDDEN', 'no longer an admin')),
  });
  expect(await until(refused)).toBe('FORBIDDEN');
  expect(await refused.next()).toEqual({ done: true, value: undefined });
  const waiting = until(open);
  ending.abort();
  expect(await waiting).toBe('UNAVAILABLE');
});

/** Holds each transaction that writes a row of the endpoint `late`, from then until its release. */
async function hold() {
  const em = orm.em.fork();
  await em.begin();
  await em.execute('select pg_advisory_xact_lock(1)');
  await orm.em.fork().execute(`
    create or replace function wait_for_test() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock_shared(1); return null; end';
    create or replace trigger wait_for_test after insert on webhook_deliveries for each row
      when (new.endpoint_id = 'late') execute function wait_for_test()`);
  return {
    async release() {
      await em.commit();
    },
  };
}
