import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { deliveryRow } from '../../src/worker/delivery-row.ts';
import { createRecorder } from '../../src/worker/recorder.ts';
import type { Delivery } from '../../src/worker/row-effects.ts';
import { openPostgresProxy } from '../outbox/postgres-proxy.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { makeTurn, resultOf } from './made-up-turn.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'recorder-copy-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em.fork().execute('truncate webhook_deliveries');
});

/** A recorder on one connection of its own, as a thread has it, and what it warned of. */
function open({ url = database.url, statementMs = 10_000 }: { url?: string; statementMs?: number } = {}) {
  const own = openOrm({ url, connections: 1, name: 'recorder-under-test', statementMs });
  const warned: object[] = [];
  const log = { warn: (fields: object) => warned.push(fields), error: (fields: object) => warned.push(fields) };
  const recorder = createRecorder({ orm: own, log: log as never, version: '1.2.3' });
  return {
    ...recorder,
    warned,
    recordAll: (attempts: readonly Delivery[]) => Promise.all(attempts.map(recorder.record)),
    async [Symbol.asyncDispose]() {
      await recorder[Symbol.asyncDispose]();
      await own.close(true);
    },
  };
}

/** Each text of its row is this one, or only the body. */
function attempt(text = 'ok', { isOnlyBody = false } = {}): Delivery {
  const turn = makeTurn(1, isOnlyBody ? {} : { endpoint: { url: text } });
  const event = { ...turn.events[0]!, ...(!isOnlyBody && { type: text }) };
  const result = resultOf(500, { responseBody: text, ...(!isOnlyBody && { errorMessage: text }) });
  const row = deliveryRow({ id: newId(), turn, event, attempt: 1, result, failure: null });
  return { row, pause: null, leaseEpoch: 1 };
}

const many = (count: number) => Array.from({ length: count }, () => attempt());
const rows = () => orm.em.fork().find(WebhookDelivery, {}, { orderBy: { id: 'asc' } });
const ids = (attempts: readonly Delivery[]) => attempts.map(({ row }) => row.id).toSorted();
const storedIds = async () => (await rows()).map(({ id }) => id);

type Texts = Pick<WebhookDelivery, 'endpointUrl' | 'eventType' | 'errorMessage' | 'responseBody'>;
const textsIn = ({ endpointUrl, eventType, errorMessage, responseBody }: Texts) => {
  return [endpointUrl, eventType, errorMessage, responseBody];
};

/** By hand: what COPY's text form gives a meaning, and what is near it. */
const hostile = [
  ...[
    '',
    ' ',
    '\\',
    '\\\\',
    '\\.',
    '\n\\.\n',
    '\\N',
    '\\n',
    'N',
    '\t',
    '\n',
    '\r',
    '\r\n',
    '\\\n',
    '\b\f\v',
    'a\tb\nc',
  ],
  ...['\\x41', '\\101', '{"a":"\\u0000"}', '"', "'", ',', '\u0001', '\u007F', '\u0080', '\u00FF', '\uFEFF', '\u2028'],
  ...['é', '漢字', '\uFFFD', '👩‍🚀', '\u{10FFFF}', 'x'.repeat(1_024)],
];

test('text comes back as it was, whatever COPY takes its characters for', async () => {
  await using recorder = open();
  const unstorable = (text: string) => text.replaceAll('\0', '');
  const texts = fc.array(fc.string({ unit: 'binary', maxLength: 40 }).map(unstorable), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(texts, async (given) => {
      const attempts = given.map((text) => attempt(text));
      await recorder.recordAll(attempts);
      const stored = await orm.em.fork().find(WebhookDelivery, { id: { $in: ids(attempts) } });
      const textsOf = new Map(stored.map((row) => [row.id, textsIn(row)]));
      expect(attempts.map(({ row }) => textsOf.get(row.id))).toEqual(attempts.map(({ row }) => textsIn(row)));
    }),
    { numRuns: 10, examples: [[hostile]] },
  );
  expect(recorder.warned).toEqual([]);
});

test.each(
  [0, 1, 2, 3].flatMap((after) => [
    { after, what: 'message' as const },
    { after, what: 'answer' as const },
  ]),
)(
  'rows are there once when the connection breaks after $after messages of their batch, at its next $what',
  async (loss) => {
    await using proxy = await openPostgresProxy(database.url);
    await using recorder = open({ url: proxy.url });
    const first = attempt();
    await recorder.record(first);
    proxy.loss = { ...loss };
    const attempts = many(3);
    await recorder.recordAll(attempts);
    expect(proxy.loss).toBeNull();
    expect(recorder.warned).not.toEqual([]);
    expect(await storedIds()).toEqual(ids([first, ...attempts]));
  },
);

test('rows whose batch Postgres never answers are written once it does', async () => {
  await using proxy = await openPostgresProxy(database.url);
  await using recorder = open({ url: proxy.url, statementMs: 200 });
  await recorder.record(attempt());
  const held = orm.em.fork();
  await held.begin();
  await held.execute('lock table webhook_deliveries in exclusive mode');
  const recorded = recorder.recordAll(many(3));
  await eventually(async () => {
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'copy%'`;
    return (await orm.em.fork().execute<unknown[]>(waiting)).length > 0;
  });
  // Neither the error for the time it took, nor anything else comes through any more.
  proxy.mode = 'silent';
  await held.commit();
  await eventually(() => recorder.warned.length > 0);
  proxy.mode = 'pass';
  await recorded;
  expect(await rows()).toHaveLength(4);
});

test('the rows of a transaction have its number, which no other has, and later ones have higher ones', async () => {
  await using recorder = open();
  await using other = open();
  const attempts = many(1_201);
  await Promise.all([recorder.recordAll(attempts), other.recordAll(many(3))]);
  await recorder.record(attempt());
  const batches = await orm.em.fork().execute<{ batch: number; transactions: number; rows: number }[]>(
    `select batch::int, count(distinct xmin::text)::int as transactions, count(*)::int as rows
       from webhook_deliveries where writer = (select writer from webhook_deliveries where id = ?)
      group by batch order by min(recorded_at)`,
    [attempts[0]!.row.id],
  );
  expect(batches).toEqual([
    { batch: 1, transactions: 1, rows: 500 },
    { batch: 2, transactions: 1, rows: 500 },
    { batch: 3, transactions: 1, rows: 201 },
    { batch: 4, transactions: 1, rows: 1 },
  ]);
  expect(new Set((await rows()).map(({ writer }) => writer)).size).toBe(2);
});

test('a batch that is written again keeps its number', async () => {
  await using proxy = await openPostgresProxy(database.url);
  await using recorder = open({ url: proxy.url });
  await recorder.record(attempt());
  // The next transaction is begun, and no more.
  proxy.loss = { after: 1, what: 'message' };
  await recorder.recordAll(many(3));
  proxy.mode = 'lose the commit';
  const recorded = recorder.recordAll(many(2));
  await eventually(async () => (await rows()).length === 6);
  proxy.mode = 'pass';
  await recorded;
  await recorder.record(attempt());
  expect((await rows()).map(({ batch }) => batch)).toEqual([1, 2, 2, 2, 3, 3, 4]);
});

test('the parts of a refused batch are transactions with numbers of their own', async () => {
  await using recorder = open();
  await recorder.recordAll([attempt(), attempt(), attempt('\0', { isOnlyBody: true }), attempt()]);
  await recorder.record(attempt());
  const batches = (await rows()).map(({ batch }) => batch);
  // By hand: 1 is refused. 2 is its first half; 3 the second one, refused; 4 the bad row alone, refused; 5 the same without text.
  expect(batches).toEqual([2, 2, 5, 6, 7]);
});
