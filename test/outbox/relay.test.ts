import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LogEntry } from '../../src/log/entry.ts';
import { openOrm } from '../../src/model/orm.ts';
import { numberAll, startRelay } from '../../src/outbox/relay.ts';
import { createChance } from '../support/chance.ts';
import { serverOf } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openPostgresProxy } from './postgres-proxy.ts';
import { forgetEvents, queueEvents } from './queue-events.ts';
import { relayMode } from './relay-modes.ts';

let database: TestDatabase;
let orm: MikroORM;
let server: string;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 10, name: 'relay-test' });
  server = await serverOf(orm);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => forgetEvents(orm.em.fork()));

/** A relay on connections of its own, the batches it appended, and what it warned of. */
function open({ url = database.url, onAppend = () => {} }: { url?: string; onAppend?: () => void } = {}) {
  const relayOrm = openOrm({ url, connections: 1, name: 'relay-under-test' });
  const batches: (readonly LogEntry[])[] = [];
  const warned: unknown[] = [];
  const relay = startRelay({
    orm: relayOrm,
    stream: {
      append(entries) {
        batches.push(entries);
        onAppend();
      },
    },
    log: { warn: (fields: unknown) => void warned.push(fields) },
  });
  relay.setMode(relayMode('leads', server));
  return {
    ...relay,
    batches,
    warned,
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]().then(() => relayOrm.close(true)),
  };
}

const insert = (count: number, payload = '{}') => queueEvents(orm.em.fork(), count, { subject: 'shop-7', payload });

/** Inserts in a transaction that stays open until it is told to commit. */
async function hold(count: number): Promise<{ ids: string[]; commit(): Promise<void> }> {
  const em = orm.em.fork();
  await em.begin();
  const ids = await queueEvents(em, count);
  return { ids, commit: () => em.commit() };
}

type Stored = { id: string; position: number | null; /** Unix milliseconds. */ atMs: number | null };

/** The log, and after it the queue: an event is in one of them. */
const stored = () =>
  orm.em.fork().execute<Stored[]>(
    `select event_id as id, position::int as position, extract(epoch from positioned_at)::float8 * 1000 as "atMs", 0 as seq
       from webhook_log
      union all select event_id, null, null, seq from webhook_outbox order by position, seq`,
  );

const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test('what is committed is numbered from 1 without gaps, in the order of insertion, and appended as it is stored', async () => {
  const ids = [...(await insert(2_300)), ...(await insert(200, '{"é":"\u2028"}'))];
  await orm.em
    .fork()
    .execute(`update webhook_events set not_for = 'erp', traceparent = 'its trace' where id = ?`, [ids[2]]);
  await using relay = open();
  expect(await relay.catchUp()).toBe(2_500);
  const rows = await stored();
  expect(rows.map(({ id, position }) => ({ id, position }))).toEqual(
    ids.map((id, index) => ({ id, position: index + 1 })),
  );
  const appended = relay.batches.flat();
  expect(appended.map(({ id, position }) => ({ id, position }))).toEqual(
    ids.map((id, index) => ({ id, position: index + 1 })),
  );
  expect(appended[2]).toEqual({
    position: 3,
    id: ids[2],
    type: 'order.paid',
    subject: 'shop-7',
    addressedTo: 'crm',
    notFor: 'erp',
    configuration: 0,
    payload: '{}',
    traceparent: 'its trace',
  });
  expect(appended.at(-1)).toMatchObject({ addressedTo: null, notFor: null, payload: '{"é":"\u2028"}' });
});

test('an event is appended and stored with the version of the configuration that is in force when it is numbered', async () => {
  await insert(1);
  await using relay = open();
  await relay.catchUp();
  await orm.em.fork().execute('update webhook_log_head set configuration = 7');
  await insert(2);
  await relay.catchUp();
  const rows = await orm.em
    .fork()
    .execute<{ version: number }[]>('select configuration::int as version from webhook_log order by position');
  expect(rows.map(({ version }) => version)).toEqual([0, 7, 7]);
  expect(relay.batches.flat().map(({ configuration }) => configuration)).toEqual([0, 7, 7]);
  await orm.em.fork().execute('update webhook_log_head set configuration = 0');
});

test('several relays at once number nothing twice and skip nothing, while writers commit late and out of order', async () => {
  const chance = createChance(20_261_123);
  await using first = open();
  await using second = open();
  await using third = open();
  const relays = [first, second, third];
  const latest = await hold(2);
  let written = 2;
  const writer = async () => {
    for (let round = 0; round < 25; round += 1) {
      const held = await hold(1 + Math.floor(chance() * 4));
      written += held.ids.length;
      if (chance() < 0.5) await orm.em.fork().execute('select pg_sleep(?)', [chance() * 0.01]);
      await held.commit();
      for (const relay of relays) if (chance() < 0.7) relay.wake();
    }
  };
  await Promise.all(range(4).map(writer));
  const before = await relays[1]!.catchUp();
  expect(before).toBe(written - 2);
  await latest.commit();
  expect(await relays[2]!.catchUp()).toBe(written);

  const byPosition = await stored();
  expect(byPosition.map(({ position }) => position)).toEqual(range(written));
  expect(byPosition.slice(-2).map(({ id }) => id)).toEqual(latest.ids);
  await eventually(() => relays.flatMap(({ batches }) => batches).flat().length >= written);
  const appended = relays
    .flatMap(({ batches }) => batches)
    .flat()
    .toSorted((one, other) => one.position - other.position);
  expect(appended.map(({ id, position }) => ({ id, position }))).toEqual(
    byPosition.map(({ id, position }) => ({ id, position })),
  );
  for (const { batches, warned } of relays) {
    const own = batches.flat().map(({ position }) => position);
    expect(own).toEqual(own.toSorted((one, other) => one - other));
    expect(warned).toEqual([]);
  }
  const times = byPosition.map(({ atMs }) => atMs!);
  expect(times).toEqual(times.toSorted((one, other) => one - other));
});

test('nobody waits for an open transaction, and its events are no gap', async () => {
  await using relay = open();
  const late = await hold(1);
  const early = await insert(2);
  expect(await relay.catchUp()).toBe(2);
  await late.commit();
  expect(await relay.catchUp()).toBe(3);
  expect(relay.batches.flat().map(({ id }) => id)).toEqual([...early, ...late.ids]);
});

test('a batch ends after 1,000 events, or with the event that passes 4 MiB', async () => {
  await insert(2_001);
  await insert(9, 'x'.repeat(1024 * 1024));
  await insert(2, 'x'.repeat(5 * 1024 * 1024));
  await using relay = open();
  expect(await relay.catchUp()).toBe(2_012);
  // 2 bytes of the one small event leave room for a fifth of the large ones: the limit is met before the last one.
  expect(relay.batches.map((batch) => batch.length)).toEqual([1_000, 1_000, 1 + 4, 4, 1 + 1, 1]);
});

test('the time of positions never runs back, even when the clock does', async () => {
  const ahead = new Date(Date.now() + 3_600_000);
  await orm.em.fork().execute('update webhook_log_head set positioned_at = ?', [ahead]);
  await insert(2);
  await numberAll(orm);
  expect((await stored()).map(({ atMs }) => atMs)).toEqual([ahead.getTime(), ahead.getTime()]);
  await insert(1);
  await numberAll(orm);
  expect((await stored()).at(-1)!.atMs).toBe(ahead.getTime());
});

test('a committed event is numbered without a wake, too', async () => {
  await using relay = open();
  await eventually(async () => (await relay.catchUp()) === 0);
  await insert(1);
  await eventually(() => relay.batches.length === 1, { withinMs: 3_000 });
});

test('a stream that fails costs no event its position, and the relay goes on', async () => {
  let fails = 2;
  const onAppend = () => {
    if (fails-- > 0) throw new Error('the stream is away');
  };
  await using relay = open({ onAppend });
  await insert(3);
  relay.wake();
  await eventually(() => relay.warned.length === 1);
  await insert(2);
  relay.wake();
  await eventually(() => relay.warned.length === 2);
  await insert(1);
  expect(await relay.catchUp()).toBe(6);
  expect((await stored()).map(({ position }) => position)).toEqual(range(6));
  expect(relay.batches.flat().map(({ position }) => position)).toEqual(range(6));
});

test('after a commit whose answer was lost nothing is appended and nothing numbered again', async () => {
  await using proxy = await openPostgresProxy(database.url);
  await using relay = open({ url: proxy.url });
  await relay.catchUp();
  proxy.mode = 'lose the commit';
  await insert(3);
  relay.wake();
  await eventually(async () => (await stored()).every(({ position }) => position !== null));
  await eventually(() => relay.warned.length > 0);
  proxy.mode = 'pass';
  const [fourth] = await insert(1);
  await eventually(() => relay.batches.length === 1);
  expect(relay.batches.flat()).toMatchObject([{ id: fourth, position: 4 }]);
  expect((await stored()).map(({ position }) => position)).toEqual([1, 2, 3, 4]);
});

test('a relay that loses its connection goes on with another', async () => {
  await using relay = open();
  await relay.catchUp();
  for (const round of [1, 2, 3]) {
    await orm.em
      .fork()
      .execute(
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'relay-under-test'`,
      );
    await insert(1);
    relay.wake();
    await eventually(() => relay.batches.length === round);
  }
  expect((await stored()).map(({ position }) => position)).toEqual([1, 2, 3]);
});

test('a relay that ends leaves no batch half done, and the next one goes on after it', async () => {
  await insert(3_000);
  {
    await using relay = open();
    relay.wake();
  }
  const numbered = (await stored()).flatMap(({ position }) => position ?? []);
  expect(numbered).toEqual(range(numbered.length));
  expect(await numberAll(orm)).toBe(3_000);
  expect((await stored()).map(({ position }) => position)).toEqual(range(3_000));
});
