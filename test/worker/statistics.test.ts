import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { decodeHistograms } from '../../src/policy/latency-histogram.ts';
import { createStatistics } from '../../src/worker/statistics.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'statistics-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const minuteMs = 60_000;
let made = 0;
const newEndpoint = () => `endpoint-${(made += 1)}`;

/** It writes every second, as it does after a pause. */
function open(given: Pick<MikroORM, 'em'> = orm, everyMs = 1_000) {
  const warnings: object[] = [];
  const log = { warn: (fields: object) => warnings.push(fields) } as never;
  return { ...createStatistics({ orm: given as MikroORM, log, everyMs }), warnings };
}

const attempt = (endpointId: string, given: object = {}) => {
  return { endpointId, status: 'delivered', latencyMs: 5, createdAt: new Date(), ...given };
};

/** Per minute (unix minutes), what all writers together counted. */
async function counted(
  endpointId: string,
): Promise<Record<number, { delivered: number; failed: number; buckets: number[] }>> {
  const rows = await orm.em.fork().execute<{ minute: number; delivered: number; failed: number; latencies: Buffer }[]>(
    `select (extract(epoch from minute) / 60)::int as minute, sum(delivered)::int as delivered, sum(failed)::int as failed,
            string_agg(latency_buckets, ''::bytea) as latencies
       from webhook_endpoint_stats where endpoint_id = ? group by minute`,
    [endpointId],
  );
  return Object.fromEntries(
    rows.map(({ minute, latencies, ...counts }) => [minute, { ...counts, buckets: decodeHistograms(latencies) }]),
  );
}

test('every attempt is counted once: by outcome, minute and latency, over any number of writers', async () => {
  const now = Math.floor(Date.now() / minuteMs) * minuteMs;
  const counting = fc.record({
    status: fc.constantFrom('delivered', 'retrying', 'failed'),
    latencyMs: fc.constantFrom(0, 0.1, 0.11, 0.2, 50, 400_000),
    seconds: fc.integer({ min: 0, max: 179 }),
    writer: fc.integer({ min: 0, max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(counting, { maxLength: 40 }), async (attempts) => {
      const endpointId = newEndpoint();
      const expected: Record<number, { delivered: number; failed: number; buckets: Record<number, number> }> = {};
      {
        await using stack = new AsyncDisposableStack();
        const writers = [open(), open(), open()].map((writer) => stack.use(writer));
        // A minute that is over does not come back: see the next test but one.
        for (const { status, latencyMs, seconds, writer } of attempts.toSorted((a, b) => a.seconds - b.seconds)) {
          const createdAt = new Date(now + seconds * 1_000);
          writers[writer]!.count({ endpointId, status, latencyMs, createdAt });
          const minute = (expected[createdAt.getTime() / minuteMs - (seconds % 60) / 60] ??= {
            delivered: 0,
            failed: 0,
            buckets: {},
          });
          minute[status === 'delivered' ? 'delivered' : 'failed'] += 1;
          // By hand: bucket i > 0 holds (0.1 * 1.1^(i-1), 0.1 * 1.1^i]; 0.2 / 0.1 = 1.1^7.27, 500 = 1.1^65.2.
          const bucket = { 0: 0, 0.1: 0, 0.11: 1, 0.2: 8, 50: 66, 400_000: 159 }[latencyMs];
          minute.buckets[bucket] = (minute.buckets[bucket] ?? 0) + 1;
        }
      }
      const found = await counted(endpointId);
      expect(
        Object.fromEntries(
          Object.entries(found).map(([minute, { buckets, ...counts }]) => {
            const filled = buckets.map((count, bucket) => [bucket, count] as const).filter(([, count]) => count > 0);
            return [minute, { ...counts, buckets: Object.fromEntries(filled) }];
          }),
        ),
      ).toEqual(expected);
    }),
    { numRuns: 25 },
  );
});

test('under load the counts are written every ten seconds, and after a pause within one', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const writtenAt: number[] = [];
  const startedAt = Date.now();
  const fork = () => ({ execute: async () => void writtenAt.push((Date.now() - startedAt) / 1_000) });
  const statistics = createStatistics({ orm: { em: { fork } } as never, log: { warn: () => {} } });
  for (let passed = 0; passed < 30_000; passed += 100) {
    statistics.count(attempt('crm'));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(writtenAt).toEqual([1, 11, 21]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(writtenAt).toEqual([1, 11, 21, 31]);
  statistics.count(attempt('crm'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(writtenAt).toEqual([1, 11, 21, 31, 91]);
});

test('what was counted is there within about a second, and again after more was counted', async () => {
  await using statistics = open();
  const endpointId = newEndpoint();
  const minute = Math.floor(Date.now() / minuteMs);
  for (const total of [1, 2, 3]) {
    statistics.count(attempt(endpointId, { createdAt: new Date(minute * minuteMs) }));
    await eventually(async () => (await counted(endpointId))[minute]?.delivered === total, { withinMs: 2_500 });
  }
});

test('an attempt that ended long after its minute was over is added to what is there', async () => {
  const endpointId = newEndpoint();
  const long = Math.floor(Date.now() / minuteMs) - 5;
  const createdAt = new Date(long * minuteMs + 10_000);
  await using statistics = open();
  const total = async () => {
    const minutes = Object.values(await counted(endpointId));
    return minutes.reduce((sum, { delivered, failed }) => sum + delivered + failed, 0);
  };
  statistics.count(attempt(endpointId, { createdAt }));
  await eventually(async () => (await total()) === 1);
  // Time enough to forget the minute: another endpoint's counts are written.
  const other = newEndpoint();
  statistics.count(attempt(other));
  await eventually(async () => Object.keys(await counted(other)).length === 1);
  statistics.count(attempt(endpointId, { createdAt, status: 'failed', latencyMs: 290_000 }));
  await statistics[Symbol.asyncDispose]();
  expect(await total()).toBe(2);
});

test('a write that fails, or whose answer is lost, is repeated and changes nothing', async () => {
  const endpointId = newEndpoint();
  const minute = Math.floor(Date.now() / minuteMs);
  const count = { createdAt: new Date(minute * minuteMs) };
  let tries = 0;
  const failing = {
    em: {
      fork: () => ({
        async execute(sql: string, values: unknown[]) {
          tries += 1;
          if (tries === 1) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
          const answer = await orm.em.fork().execute(sql, values);
          if (tries === 2) throw Object.assign(new Error('lost'), { code: 'ECONNRESET' });
          return answer;
        },
      }),
    },
  } as unknown as MikroORM;
  await using statistics = open(failing);
  statistics.count(attempt(endpointId, count));
  statistics.count(attempt(endpointId, { ...count, status: 'failed' }));
  await eventually(() => tries === 2);
  statistics.count(attempt(endpointId, count));
  await eventually(() => tries >= 3);
  await eventually(async () => (await counted(endpointId))[minute]?.delivered === 2);
  expect((await counted(endpointId))[minute]).toMatchObject({ delivered: 2, failed: 1 });
  expect(statistics.warnings).toEqual([{ reason: 'ECONNREFUSED' }, { reason: 'ECONNRESET' }]);
});

test('it ends with everything written, also what came while it wrote', async () => {
  const endpointId = newEndpoint();
  const minute = Math.floor(Date.now() / minuteMs);
  {
    await using statistics = open();
    for (let n = 0; n < 100; n += 1) statistics.count(attempt(endpointId, { createdAt: new Date(minute * minuteMs) }));
  }
  expect((await counted(endpointId))[minute]?.delivered).toBe(100);
});

test('when too many counts wait for Postgres the oldest are dropped, and many are written in several statements', async () => {
  let statements = 0;
  let isAway = true;
  const execute = () => {
    statements += 1;
    return isAway ? Promise.reject(new Error('away')) : Promise.resolve([]);
  };
  const given = { em: { fork: () => ({ execute }) } } as unknown as Pick<MikroORM, 'em'>;
  await using statistics = open(given);
  for (let each = 0; each < 100_001; each += 1) statistics.count(attempt(`many-${each}`));
  await eventually(() => statistics.warnings.length > 0);
  statements = 0;
  isAway = false;
  await eventually(() => statements > 0);
  await eventually(() => statements === 20);
});

test('all endpoints together are counted too, in a row for each minute and writer', async () => {
  await orm.em.fork().execute('truncate webhook_endpoint_stats');
  const minute = Math.floor(Date.now() / minuteMs);
  {
    await using stack = new AsyncDisposableStack();
    for (const writer of [open(), open()].map((each) => stack.use(each))) {
      for (const status of ['delivered', 'delivered', 'retrying', 'failed']) {
        writer.count(attempt(newEndpoint(), { status, latencyMs: 0.11, createdAt: new Date(minute * minuteMs) }));
      }
    }
  }
  const { [minute]: all, ...others } = await counted('*');
  expect(others).toEqual({});
  expect(all).toMatchObject({ delivered: 4, failed: 4 });
  expect(all?.buckets.slice(0, 3)).toEqual([0, 8, 0]);
  const [{ rows }] = await orm.em
    .fork()
    .execute<[{ rows: number }]>(`select count(*)::int as rows from webhook_endpoint_stats where endpoint_id = '*'`);
  expect(rows).toBe(2);
});
