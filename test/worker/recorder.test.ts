import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { deliveryRow } from '../../src/worker/delivery-row.ts';
import { createRecorder } from '../../src/worker/recorder.ts';
import type { Delivery } from '../../src/worker/row-effects.ts';
import type { TurnFailure } from '../../src/worker/turn.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { openPostgresProxy } from '../outbox/postgres-proxy.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { resultOf, makeTurn } from './made-up-turn.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'recorder-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em.fork().execute('truncate webhook_deliveries, webhook_cursors, webhook_replays');
});

/** A recorder on one connection of its own, as a thread has it, and what it logged. */
function open(url = database.url) {
  const own = openOrm({ url, connections: 1, name: 'recorder-under-test' }, { logger: () => {} });
  const logged = { warn: [] as object[], error: [] as object[] };
  const recorder = createRecorder({
    orm: own,
    log: {
      warn: (fields: object) => logged.warn.push(fields),
      error: (fields: object) => logged.error.push(fields),
    } as never,
    version: '1.2.3',
  });
  return {
    ...recorder,
    logged,
    async [Symbol.asyncDispose]() {
      await recorder[Symbol.asyncDispose]();
      await own.close(true);
    },
  };
}

type Given = Partial<Parameters<typeof makeTurn>[1]> & {
  status?: number;
  body?: string;
  failure?: Partial<TurnFailure>;
};

/** An attempt on an event of its own; a failure is the last one unless it says otherwise. */
function attempt({ status = 200, body = 'ok', failure, ...given }: Given = {}): Delivery {
  const turn = makeTurn(1, given);
  const failed = status === 200 ? null : { status: 'failed' as const, attempt: 1, waitMs: 0, pause: null, ...failure };
  const result = resultOf(status, { responseBody: body });
  const row = deliveryRow({
    id: randomUUIDv7(),
    turn,
    event: turn.events[0]!,
    attempt: 1,
    result,
    failure: failed,
  });
  return { row, pause: failure?.pause ?? null, leaseEpoch: 1 };
}

const many = (count: number) => Array.from({ length: count }, () => attempt());
const gone = (given: Given = {}) => attempt({ status: 410, failure: { status: 'retrying', pause: 'gone' }, ...given });
const rows = () => orm.em.fork().find(WebhookDelivery, {}, { orderBy: { id: 'asc' } });
const ids = (attempts: readonly Delivery[]) => attempts.map(({ row }) => row.id).toSorted();
const storedIds = async () => (await rows()).map(({ id }) => id);
const cursor = () => orm.em.fork().findOneOrFail(WebhookCursor, 'crm');
const endRecorders = () =>
  orm.em
    .fork()
    .execute(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'recorder-under-test'`,
    );

test('a row that is reported as recorded is visible to all', async () => {
  await using recorder = open();
  for (const each of many(3)) {
    await recorder.record(each);
    expect(await storedIds()).toContain(each.row.id);
  }
});

test('rows count as waiting until they are durable, and their wait from the first write that failed', async () => {
  await using recorder = open();
  await orm.em.fork().execute('alter table webhook_deliveries rename to deliveries_away');
  const recorded = Promise.all(many(3).map(recorder.record));
  await eventually(() => recorder.queue().stuckMs > 0);
  expect(recorder.queue().rows).toBe(3);
  await orm.em.fork().execute('alter table deliveries_away rename to webhook_deliveries');
  await recorded;
  expect(recorder.queue()).toEqual({ rows: 0, stuckMs: 0 });
});

test('attempts that end together share batches, and each is recorded once', async () => {
  await using recorder = open();
  const attempts = many(1_201);
  await Promise.all(attempts.map(recorder.record));
  expect(await storedIds()).toEqual(ids(attempts));
  // The batches were transactions of their own: rows of one batch have one recorder of their time.
  const [{ batches }] = await orm.em
    .fork()
    .execute<[{ batches: number }]>('select count(distinct xmin::text)::int as batches from webhook_deliveries');
  expect(batches).toBe(3);
});

test.each([
  ['a NUL', '\0'],
  ['text that the database does not take', 'refused with 22001'],
])('a batch refused for %s is split until the bad row is alone, and only that row loses its text', async (_, body) => {
  await orm.em.fork().execute(`
    create or replace function refuse() returns trigger language plpgsql as $$
    begin
      if new.response_body like 'refused%' then raise exception 'too much' using errcode = '22001'; end if;
      return new;
    end $$;
    create or replace trigger refuse before insert on webhook_deliveries for each row execute function refuse();
  `);
  await using recorder = open();
  const attempts = many(20);
  const bad = attempt({ status: 500, body });
  await Promise.all([...attempts, bad].map(recorder.record));
  const found = await rows();
  expect(found.map(({ id }) => id)).toEqual(ids([...attempts, bad]));
  for (const row of found) {
    const text = { url: row.endpointUrl, body: row.responseBody };
    if (row.id !== bad.row.id) expect(text).toEqual({ url: 'https://crm.example.com/hooks', body: 'ok' });
    else {
      expect(text).toEqual({ url: '', body: null });
      expect(row).toMatchObject({ status: 'failed', httpStatus: 500, attemptCount: 1, errorMessage: '' });
    }
  }
  expect(recorder.logged.error).toEqual([{ delivery_id: bad.row.id, reason: expect.any(String) }]);
});

test('a bad 410 pauses its endpoint all the same', async () => {
  await storeCursor(orm, { endpointId: 'crm', ownerEpoch: 1 });
  await using recorder = open();
  await Promise.all([recorder.record(gone({ body: '\0' })), recorder.record(attempt())]);
  expect((await cursor()).pauseReason).toBe('gone');
  expect(await rows()).toHaveLength(2);
});

test('a row that is there already, after a write with an unknown outcome, stays as it is', async () => {
  await using recorder = open();
  const attempts = many(50);
  await orm.em.fork().insert(WebhookDelivery, { ...attempts[20]!.row, writer: randomUUIDv7(), batch: 1 });
  const startedAt = performance.now();
  await Promise.all(attempts.map(recorder.record));
  expect(await storedIds()).toEqual(ids(attempts));
  expect((await rows()).map(({ responseBody }) => responseBody)).toEqual(attempts.map(() => 'ok'));
  expect(recorder.logged.error).toEqual([]);
  // Not one by one, each after a wait.
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test('rows are written once Postgres is back, each once, and so are those that come meanwhile', async () => {
  await using proxy = await openPostgresProxy(database.url);
  await using recorder = open(proxy.url);
  await recorder.record(attempt());
  const waiting: Promise<void>[] = [];
  for (const round of [1, 2, 3]) {
    await endRecorders();
    const attempts = many(5);
    waiting.push(...attempts.map(recorder.record));
    await Promise.all(waiting);
    expect(await rows()).toHaveLength(1 + 5 * round);
  }
  proxy.mode = 'silent';
  proxy.cut();
  waiting.push(...many(5).map(recorder.record));
  await eventually(() => recorder.logged.warn.length > 0);
  waiting.push(...many(5).map(recorder.record));
  proxy.mode = 'pass';
  proxy.cut();
  await Promise.all(waiting);
  expect(await rows()).toHaveLength(26);
});

test('a commit whose answer was lost makes no second row, and no second pause', async () => {
  await storeCursor(orm, { endpointId: 'crm', ownerEpoch: 1 });
  await using proxy = await openPostgresProxy(database.url);
  await using recorder = open(proxy.url);
  await recorder.record(attempt());
  proxy.mode = 'lose the commit';
  const attempts = [...many(3), gone()];
  const recorded = Promise.all(attempts.map(recorder.record));
  await eventually(async () => (await rows()).length === 5);
  expect((await cursor()).pauseReason).toBe('gone');
  // An admin resumes it before the next try, which must not pause it again.
  await orm.em.fork().execute(`update webhook_cursors set pause_reason = null, resumes = resumes + 1`);
  await eventually(() => recorder.logged.warn.length >= 2);
  proxy.mode = 'pass';
  await recorded;
  expect(await rows()).toHaveLength(5);
  expect((await cursor()).pauseReason).toBeNull();
});

test('rows alone whose commit was not answered are there once', async () => {
  await using proxy = await openPostgresProxy(database.url);
  await using recorder = open(proxy.url);
  await recorder.record(attempt());
  proxy.mode = 'lose the commit';
  const recorded = Promise.all(many(3).map(recorder.record));
  await eventually(async () => (await rows()).length === 4);
  await eventually(() => recorder.logged.warn.length >= 2);
  proxy.mode = 'pass';
  await recorded;
  expect(await rows()).toHaveLength(4);
});

test('410 pauses its endpoint in the transaction of its row', async () => {
  await storeCursor(orm, { endpointId: 'crm', ownerEpoch: 1 });
  await using recorder = open();
  const held = orm.em.fork();
  await held.begin();
  await held.execute(`select 1 from webhook_cursors for update`);
  const recorded = recorder.record(gone());
  await eventually(async () => {
    const [{ count }] = await orm.em
      .fork()
      .execute<[{ count: number }]>(`select count(*)::int as count from pg_locks where not granted`);
    return count > 0;
  });
  expect(await rows()).toEqual([]);
  await held.commit();
  await recorded;
  expect(await rows()).toHaveLength(1);
  expect((await cursor()).pauseReason).toBe('gone');
});

test.each([
  ['its generation and resumes', { generation: 3, resumes: 2 }, 'gone'],
  ['an older generation', { generation: 2, resumes: 2 }, null],
  ['a turn that began before a resume', { generation: 3, resumes: 1 }, null],
  ['another endpoint', { generation: 3, resumes: 2, endpoint: { id: 'other' } }, null],
])('410 of %s pauses accordingly', async (_, given, reason) => {
  await storeCursor(orm, { endpointId: 'crm', ownerEpoch: 1, generation: 3, resumes: 2 });
  await using recorder = open();
  await recorder.record(gone(given));
  expect((await cursor()).pauseReason).toBe(reason);
  expect(await rows()).toHaveLength(1);
});

test('410 keeps the reason of a pause that is there', async () => {
  await storeCursor(orm, { endpointId: 'crm', pauseReason: 'admin' });
  await using recorder = open();
  await recorder.record(gone());
  expect((await cursor()).pauseReason).toBe('admin');
});

test.each([
  ['delivered', 'test', 200, {}, 0],
  ['failed for good', 'replay', 500, { status: 'failed' }, 0],
  ['to be retried', 'test', 500, { status: 'retrying' }, 1],
  ['a line’s own', 'line', 200, {}, 1],
] as const)('the replay of an attempt that is %s stays only while another attempt will follow', async (...given) => {
  const [, origin, status, failure, left] = given;
  const id = randomUUIDv7();
  const made = attempt({ origin, status, failure });
  const each = { ...made, row: { ...made.row, replayId: origin === 'line' ? null : id } };
  const item = { id, endpointId: 'crm', eventId: each.row.eventId, origin: 'test' as const };
  const others = [
    { ...item, id: randomUUIDv7(), endpointId: 'other' },
    { ...item, id: randomUUIDv7(), eventId: randomUUIDv7() },
  ];
  await orm.em.fork().insertMany(Replay, [item, ...others]);
  await using recorder = open();
  await recorder.record(each);
  expect(await orm.em.fork().count(Replay, { id: item.id })).toBe(left);
  expect(await orm.em.fork().count(Replay, {})).toBe(2 + left);
});

test('it ends only when all that it was given is durable', async () => {
  const attempts = many(700);
  {
    await using recorder = open();
    for (const each of attempts) void recorder.record(each);
  }
  expect(await storedIds()).toEqual(ids(attempts));
});
