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
const run = () => runRetention({ orm, retentionMs: 5 * 86_400_000, log });

test('idempotency keys go after two days, the statistics of a minute after eight, more than one batch in a run', async () => {
  await stored.sql(
    `insert into webhook_idempotency_keys (key, event_id, created_at)
       select 'old ' || n, gen_random_uuid(), timestamptz '2024-03-18T11:59:59Z' from generate_series(1, 5001) n
       union all values ('young', gen_random_uuid(), timestamptz '2024-03-18T12:00:00Z')`,
  );
  await stored.sql(
    `insert into webhook_endpoint_stats (endpoint_id, minute, writer, delivered, failed, gave_up, latency_buckets)
       select 'crm', minute::timestamptz, gen_random_uuid(), 1, 0, 0, '{}'
         from unnest(array['2024-03-12T11:59:00Z', '2024-03-12T12:00:00Z']) minute`,
  );
  await run();
  expect(await stored.sql('select key from webhook_idempotency_keys')).toEqual([{ key: 'young' }]);
  expect(await stored.sql('select minute::text from webhook_endpoint_stats')).toEqual([
    { minute: '2024-03-12 12:00:00+00' },
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
