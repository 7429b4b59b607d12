// Rows that are good for nothing any more go, a batch at a time, and nothing that still counts.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { runRetention } from '../../src/operations/retention.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { oldDays, type OldDays } from '../support/old-days.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;
let stored: OldDays;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'old-rows-test' });
  stored = oldDays(orm);
  // The newest event says what time it is: the database's clock is years ahead.
  await stored.event('2024-03-20T12:00:00Z', 1);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const log = { debug: () => {}, info: () => {}, warn: (fields: object) => expect.fail(JSON.stringify(fields)) } as never;
const run = (days = 5) => runRetention({ orm, retentionMs: days * 86_400_000, log });

test('idempotency keys go after two days, more than one batch in a run', async () => {
  await stored.sql(
    `insert into webhook_idempotency_keys (key, event_id, created_at)
       select 'old ' || n, gen_random_uuid(), timestamptz '2024-03-18T11:59:59Z' from generate_series(1, 5001) n
       union all values ('young', gen_random_uuid(), timestamptz '2024-03-18T12:00:00Z')`,
  );
  await run();
  expect(await stored.sql('select key from webhook_idempotency_keys')).toEqual([{ key: 'young' }]);
});

test.each([
  ['DELIVERY_RETENTION', 10, '2024-03-10'],
  ['eight days, the longest window of an endpoint and some hours, where that is shorter', 2, '2024-03-12'],
])('the statistics of a minute, of every endpoint and of all together, go after %s', async (_, days, oldest) => {
  await stored.sql(
    `insert into webhook_endpoint_stats (endpoint_id, minute, writer, delivered, failed, gave_up, latency_buckets)
       select endpoint_id, minute, gen_random_uuid(), 1, 0, 0, ''
         from unnest(array['*', 'crm', 'gone']) endpoint_id,
              generate_series(timestamptz '${oldest}T00:00:00Z', timestamptz '${oldest}T23:59:00Z', interval '1 min') minute`,
  );
  await run(days);
  const left = await stored.sql(
    `select endpoint_id, min(minute)::text as first, count(*)::int as minutes
       from webhook_endpoint_stats group by 1 order by endpoint_id collate "C"`,
  );
  await stored.sql('truncate webhook_endpoint_stats');
  const kept = { first: `${oldest} 12:00:00+00`, minutes: 720 };
  expect(left).toEqual(['*', 'crm', 'gone'].map((endpoint_id) => ({ endpoint_id, ...kept })));
});

test('samples of backlogs go after DELIVERY_RETENTION, but the last one that says that something waits', async () => {
  const sample = (endpoint: string, at: string, backlog: number) =>
    stored.sql('insert into webhook_backlog_samples (endpoint_id, at, backlog) values (?, ?, ?)', [
      endpoint,
      at,
      backlog,
    ]);
  for (const [endpoint, last] of [
    ['waits', 7],
    ['idle', 0],
    ['*', 9],
  ] as const) {
    await sample(endpoint, '2024-03-10T12:00:00Z', 1);
    await sample(endpoint, '2024-03-15T11:59:00Z', last);
  }
  await sample('*', '2024-03-15T12:00:00Z', 9);
  await run();
  expect(
    await stored.sql('select endpoint_id, at::text, backlog from webhook_backlog_samples order by backlog'),
  ).toEqual([
    { endpoint_id: 'waits', at: '2024-03-15 11:59:00+00', backlog: 7 },
    { endpoint_id: '*', at: '2024-03-15 12:00:00+00', backlog: 9 },
  ]);
});

test('used states go after a day, sessions a day after they expired and invitations a week, and no event is emitted', async () => {
  await stored.sql(
    `insert into oauth_used_states (id, used_at)
       select gen_random_uuid(), used_at::timestamptz from unnest(array['2024-03-19T11:59:59Z', '2024-03-19T12:00:00Z']) used_at`,
  );
  const ada = crypto.randomUUID();
  await stored.sql(
    `insert into users (id, role, created_at, updated_at) values ('${ada}', 'USER', '2024-03-01T00:00:00Z', '2024-03-01T00:00:00Z')`,
  );
  await stored.sql(
    `insert into oauth_invitations (code_digest, provider, user_id, expires_at)
       select expires_at, 'google', '${ada}', expires_at::timestamptz
         from unnest(array['2024-03-13T11:59:59Z', '2024-03-13T12:00:00Z']) expires_at`,
  );
  await stored.sql(
    `insert into sessions (id, user_id, created_at, last_seen_at, expires_at)
       select gen_random_uuid(), '${ada}', '2024-03-01T00:00:00Z', '2024-03-01T00:00:00Z', expires_at::timestamptz
         from unnest(array['2024-03-19T11:59:59Z', '2024-03-19T12:00:00Z', '2024-04-01T00:00:00Z']) expires_at`,
  );
  await run();
  expect(await stored.sql('select used_at::text from oauth_used_states')).toEqual([
    { used_at: '2024-03-19 12:00:00+00' },
  ]);
  expect(await stored.sql('select expires_at::text from sessions order by 1')).toEqual([
    { expires_at: '2024-03-19 12:00:00+00' },
    { expires_at: '2024-04-01 00:00:00+00' },
  ]);
  expect(await stored.sql('select code_digest from oauth_invitations')).toEqual([
    { code_digest: '2024-03-13T12:00:00Z' },
  ]);
  expect(await stored.count('users')).toBe(1);
  expect(await stored.count('webhook_events')).toBe(1);
});
