// What is published by SQL is an event like any other: the same body, the same rules, in the caller's own transaction.

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { openOrm } from '../../src/model/orm.ts';
import { toPayload } from '../../src/outbox/payload.ts';
import { checkPublications } from '../../src/outbox/publication.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
let client: pg.Client;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 1, name: 'publish-by-sql-test' });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
afterEach(async () => {
  await client.query('rollback');
  await client.query(
    'truncate tidings.webhook_events, tidings.webhook_outbox, tidings.webhook_idempotency_keys restart identity',
  );
});

type Call = { type: string | null; data: string | null; subject?: string | null; key?: string | null };

async function publish({ type, data, subject = null, key = null }: Call): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select tidings.publish($1, $2, $3, $4) as id', [
    type,
    data,
    subject,
    key,
  ]);
  return rows[0]!.id;
}

/** The sentence that refuses it, or null; nothing is recorded. */
async function refusalBySql(call: Call): Promise<string | null> {
  await client.query('begin');
  try {
    await publish(call);
    return null;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return code === '22023' ? message : `${code} ${message}`;
  } finally {
    await client.query('rollback');
  }
}

function refusalByApi({ type, data, subject = null, key = null }: Call): string | null {
  try {
    checkPublications([{ type: type!, data: JSON.parse(data!), subject, idempotencyKey: key }]);
    return null;
  } catch (error) {
    return (error as Error).message.replace('events.0.', '').replace('idempotencyKey: ', 'idempotency_key: ');
  }
}

test('the body, the id and the time are what the API makes', async () => {
  const before = Date.now();
  const id = await publish({ type: 'order.paid', data: '{"a":[1,{"b":"é😀"}]}', subject: 'order-1' });
  const [stored] = await recordedEvents(orm);
  const { createdAt, payload } = stored!;
  expect(stored).toMatchObject({ id, type: 'order.paid', subject: 'order-1', addressedTo: null, notFor: null });
  expect(payload).toBe(
    toPayload({ eventId: id, type: 'order.paid', timestamp: createdAt, data: { a: [1, { b: 'é😀' }] } }),
  );
  expect(createdAt.getTime()).toBeGreaterThanOrEqual(before);
  expect(createdAt.getTime()).toBeLessThanOrEqual(Date.now());
  // RFC 9562: 48 bits of Unix time in ms, version 7, variant 10.
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(createdAt.getTime());
});

test('data is kept byte for byte: numbers that no double holds, blanks, the order of keys, the same key twice, any escape', async () => {
  const data =
    ' {"z": 7615917337495251231, "e":1e400,\n\t"a":0.10, "z":"\\u0000\\u00e9\\ud83d\\ude00\\\\ud800é\u2028"} ';
  await publish({ type: 'a.b', data });
  const [stored] = await recordedEvents(orm);
  expect(stored!.payload.endsWith(`,"data":${data}}`)).toBe(true);
});

test('events of one transaction are queued, and their ids ascend, in the order of the calls', async () => {
  await client.query('begin');
  const ids: string[] = [];
  for (let index = 0; index < 300; index += 1) ids.push(await publish({ type: 'a.b', data: `{"n":${index}}` }));
  await client.query('commit');
  expect((await recordedEvents(orm)).map(({ id }) => id)).toEqual(ids);
  expect(ids).toEqual(ids.toSorted());
});

test('a rollback takes the event away, a rollback to a savepoint only what came after it', async () => {
  await client.query('begin');
  await publish({ type: 'a.b', data: '{}', key: 'gone' });
  await client.query('rollback');
  await client.query('begin');
  const kept = await publish({ type: 'a.b', data: '{"n":1}', key: 'kept' });
  await client.query('savepoint here');
  await publish({ type: 'a.b', data: '{"n":2}', key: 'gone' });
  await expect(publish({ type: 'a.b', data: '{"n":3}', key: 'kept' })).rejects.toMatchObject({ code: '22023' });
  await client.query('rollback to here');
  const after = await publish({ type: 'a.b', data: '{"n":4}', key: 'gone' });
  await client.query('commit');
  expect((await recordedEvents(orm)).map(({ id }) => id)).toEqual([kept, after]);
});

const nested = (levels: number): string => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
/** Bytes of `{"t":""}` around the text. */
const frame = 8;
const text = (value: string): string => `{"t":"${value}"}`;
const hostile: Call[] = [
  ...['', 'order', 'Order.paid', 'order..paid', 'order.paid\n', 'ördér.paid', 'a.b ', '.a', 'a.', 'user.created'],
  ...[
    'webhook.test',
    'users.created',
    `a.${'b'.repeat(126)}`,
    `a.${'b'.repeat(127)}`,
    'ä'.repeat(128),
    'ä'.repeat(129),
  ],
  ...['😀'.repeat(64), '😀'.repeat(65), '0._.a_1', "a.b'; drop table users; --"],
]
  .map((type): Call => ({ type, data: '{}' }))
  .concat(
    [
      ...['[]', 'null', '"text"', '1', 'true', ' {} ', '[{}]'],
      ...[nested(100), nested(101), `{"a":[${nested(98)},${nested(98)}]}`, `{"a":[${nested(99)},${nested(99)}]}`],
      ...[
        `{"a":[${'[],'.repeat(500)}{}]}`,
        text('[{'.repeat(500)),
        text('\\"[{'.repeat(200)),
        text('\\\\'.repeat(101)),
      ],
      ...[text(`\\\\\\"${'['.repeat(120)}`), `{"a\\\\":[${nested(99)}],"b":"]"}`, `{"a":"\\"", "b":${nested(100)}}`],
      ...[text('x'.repeat(262_144 - frame)), text('x'.repeat(262_144 - frame + 1))],
      ...[text('ä'.repeat(131_072 - frame / 2)), text('ä'.repeat(131_072 - frame / 2 + 1))],
    ].map((data): Call => ({ type: 'a.b', data })),
  )
  .concat(
    [
      '',
      'x',
      'x'.repeat(512),
      'x'.repeat(513),
      '字'.repeat(512),
      '😀'.repeat(256),
      '😀'.repeat(257),
      'ä'.repeat(513),
    ].map((subject): Call => ({ type: 'a.b', data: '{}', subject })),
  )
  .concat(
    ['', 'x', 'x'.repeat(255), 'x'.repeat(256), '字'.repeat(255), '😀'.repeat(128), `${'😀'.repeat(127)}x`].map(
      (key): Call => ({ type: 'a.b', data: '{}', key }),
    ),
  );

test('whatever is refused by the API is refused by SQL with its sentence, and nothing else is', async () => {
  const sentences = new Set<string | null>();
  for (const call of hostile) {
    const refusal = refusalByApi(call);
    expect({ call, refusal: await refusalBySql(call) }).toEqual({ call, refusal });
    sentences.add(refusal);
  }
  // Each sentence but that of what SQL cannot even say.
  expect(sentences.size).toBe(10);
});

const storable = fc.string({ unit: 'binary', maxLength: 300 }).filter((value) => !value.includes('\0'));
const repeated = fc
  .tuple(fc.constantFrom('a', 'é', '字', '😀', '.', 'a.b', ']'), fc.integer({ min: 0, max: 520 }))
  .map(([part, times]) => part.repeat(times));
const anyText = fc.oneof(storable, repeated);
const anyData = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)),
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify({ value }, null, 2)),
  fc
    .array(fc.constantFrom('[', '{', '"', '\\', ']', '}'), { maxLength: 300 })
    .map((parts) => JSON.stringify({ parts })),
  fc
    .array(fc.tuple(fc.integer({ min: 90, max: 105 }), fc.string({ unit: 'binary' })), { minLength: 1, maxLength: 3 })
    .map((parts) => `[${parts.map(([levels, value]) => `${nested(levels)},${JSON.stringify(value)}`).join()}]`)
    .map((list) => `{"list":${list}}`),
);

test('both sides agree about any type, data, subject and key', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        type: fc.oneof(
          { weight: 2, arbitrary: fc.constantFrom('a.b', 'order.paid') },
          { weight: 1, arbitrary: anyText },
        ),
        data: anyData,
        subject: fc.option(anyText),
        key: fc.option(anyText),
      }),
      async (call) => {
        expect(await refusalBySql(call)).toBe(refusalByApi(call));
      },
    ),
    { numRuns: 200 },
  );
});

test('NULL for the type or the data is refused like any other that is wrong', async () => {
  expect(await refusalBySql({ type: null, data: '{}' })).toBe(refusalByApi({ type: '', data: '{}' }));
  expect(await refusalBySql({ type: 'a.b', data: null })).toBe(refusalByApi({ type: 'a.b', data: 'null' }));
});

test.each([
  ['\\ud800', true],
  ['\\uDC00', true],
  ['\\ude00\\ud83d', true],
  ['\\ud83d\\ud83d\\ude00\\ude00', true],
  ['\\ud83d\\\\\\ude00', true],
  ['\\ud83d \\ude00', true],
  ['\\ud83d\\uDE00', false],
  ['\\\\ud800', false],
  ['\\u0000\\ud7ff\\ue000\\uffff', false],
])('half of a surrogate pair in data is refused, for some parsers refuse it: %s', async (escapes, isLone) => {
  const refusal = await refusalBySql({ type: 'a.b', data: `{"${escapes}":1}` });
  expect(refusal).toBe(isLone ? 'data: holds half of a surrogate pair, which some parsers refuse.' : null);
});
