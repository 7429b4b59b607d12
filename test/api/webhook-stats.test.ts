import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bucketOf } from '../../src/policy/latency-histogram.ts';
import { sampleBacklogs } from '../../src/cursors/backlog-samples.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor, storeStats } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  await door.orm.em.fork().execute('truncate webhook_endpoint_stats, webhook_backlog_samples, webhook_cursors');
});
afterAll(async () => await door[Symbol.asyncDispose]());

const minuteMs = 60_000;
const noon = Date.UTC(2026, 10, 23, 12);
const at = (minutes: number) => new Date(noon + minutes * minuteMs);

async function ask(variables: object) {
  return await door.ask(
    `query ($endpointId: ID, $since: DateTime!, $until: DateTime, $buckets: Int = 60) {
       webhookStats(endpointId: $endpointId, since: $since, until: $until, buckets: $buckets) {
         start attempts delivered failed retrying backlog latencyP50Ms latencyP95Ms latencyP99Ms } }`,
    variables,
  );
}

async function stats(variables: object) {
  const { data, errors } = await ask(variables);
  expect(errors).toBeUndefined();
  return data.webhookStats;
}

async function store(endpointId: string, minute: number, [delivered, retrying, failed]: number[], latencyMs = 10) {
  const counts = { delivered: delivered!, failed: retrying! + failed!, gaveUp: failed! };
  const latencyBuckets = Array.from({ length: bucketOf(latencyMs) + 1 }, () => 0);
  latencyBuckets[bucketOf(latencyMs)] = delivered! + retrying! + failed!;
  await storeStats(door.orm, { endpointId, minute: at(minute), writer: randomUUID(), ...counts, latencyBuckets });
}

async function sample(endpointId: string, minute: number, backlog: number): Promise<void> {
  await door.orm.em
    .fork()
    .execute('insert into webhook_backlog_samples (endpoint_id, at, backlog) values (?, ?, ?)', [
      endpointId,
      at(minute),
      backlog,
    ]);
}

test('attempts are added up in equal buckets, whoever wrote them, and each is in one of them', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await store('crm', -1, [100, 0, 0]);
  await store('crm', 0, [1, 2, 3]);
  await store('crm', 0, [1, 0, 0], 1_000);
  await store('crm', 9, [4, 0, 0]);
  await store('crm', 20, [0, 5, 0]);
  await store('crm', 30, [100, 0, 0]);
  await store('shop', 5, [100, 0, 0]);
  const asked = { endpointId: 'crm', since: at(0), until: at(30), buckets: 3 };
  const nothing = { attempts: 0, delivered: 0, failed: 0, retrying: 0, backlog: null };
  const [first, ...others] = await stats(asked);
  expect(first).toMatchObject({ start: at(0).toISOString(), attempts: 11, delivered: 6, failed: 3, retrying: 2 });
  // Ten of 10 ms and one of 1,000 ms, each within 5 %.
  expect(Math.abs(first.latencyP50Ms - 10)).toBeLessThan(0.5);
  expect(Math.abs(first.latencyP99Ms - 1_000)).toBeLessThan(50);
  expect(others).toMatchObject([
    { ...nothing, start: at(10).toISOString(), latencyP50Ms: null, latencyP95Ms: null, latencyP99Ms: null },
    { ...nothing, start: at(20).toISOString(), attempts: 5, retrying: 5 },
  ]);
});

test.each([
  ['an hour in 60 minutes', at(0), at(60), undefined, 60, 1],
  ['the fewest minutes that suffice', at(0), at(61), 60, 31, 2],
  [
    'one more where it begins within a minute',
    new Date(noon + 30_000),
    new Date(noon + 60 * minuteMs + 30_000),
    60,
    61,
    1,
  ],
  ['never more than 500', new Date(noon + 30_000), new Date(noon + 500 * minuteMs + 30_000), 500, 251, 2],
  ['the last one holds the moment before the end', at(0), new Date(noon + 1), 60, 1, 1],
  ['a single one', at(0), at(10_080), 1, 1, 10_080],
  ['a week in 500', at(0), at(10_080), 500, 480, 21],
  ['nothing, where it ends before it begins', at(0), at(0), 60, 0, 0],
])('the time is cut evenly: %s', async (_, since, until, buckets, count, minutes) => {
  const found = await stats({ since, until, buckets });
  expect(found.map(({ start }: { start: string }) => start)).toEqual(
    Array.from({ length: count }, (__, index) => at(index * minutes).toISOString()),
  );
});

test.each([0, -1, 501])('%i buckets are refused', async (buckets) => {
  const { errors } = await ask({ since: at(0), buckets });
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: 'buckets' } }]);
});

test('any times are answered, and without an end it is the present minute that is last', async () => {
  expect(await stats({ since: '0001-01-01T00:00:00Z', until: '9999-12-31T00:00:00Z' })).toHaveLength(60);
  const last = (await stats({ since: new Date(Date.now() - 600_000), buckets: 10 })).at(-1);
  expect(Math.abs(Date.parse(last.start as string) - Date.now())).toBeLessThan(2 * minuteMs);
  expect(await stats({ since: new Date(Date.now() + 600_000) })).toEqual([]);
});

test('of all endpoints it is what the writers counted of all together, and the sum of their backlogs', async () => {
  await store('*', 1, [5, 1, 1]);
  await store('crm', 1, [5, 1, 1]);
  await sample('*', 2, 12_000);
  await sample('crm', 2, 2_000);
  expect(await stats({ since: at(0), until: at(2), buckets: 1 })).toMatchObject([
    { attempts: 7, delivered: 5, failed: 1, retrying: 1, backlog: 12_000 },
  ]);
});

test('an endpoint that is gone shows what it was sent, and one that never was is null', async () => {
  await store('gone', 1, [5, 1, 1]);
  expect(await stats({ endpointId: 'gone', since: at(0), until: at(2), buckets: 1 })).toMatchObject([{ attempts: 7 }]);
  expect(await stats({ endpointId: 'gone', since: at(10), until: at(12), buckets: 1 })).toMatchObject([
    { attempts: 0 },
  ]);
  for (const endpointId of ['never', '', "'", '\0', '*']) expect(await stats({ endpointId, since: at(0) })).toBeNull();
});

test('the backlog is the last one noted at the end of a bucket, and unknown for a time that nobody looked', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  for (const minute of [1, 2, 3, 6]) await sample('*', minute, 0);
  await sample('crm', 2, 7);
  await sample('crm', 6, 3);
  const found = await stats({ endpointId: 'crm', since: at(0), until: at(7), buckets: 7 });
  // A look within the two minutes before the end is near enough.
  expect(found.map(({ backlog }: { backlog: number | null }) => backlog)).toEqual([0, 7, 7, 7, null, 3, 3]);
});

test('the backlog of the bucket that is not over is the present one, and what is to come has none', async () => {
  door.endpoints = [endpoint({ id: 'crm' }), endpoint({ id: 'shop' })];
  await storeCursor(door.orm, { endpointId: 'crm', position: 5, backlog: 4 });
  await storeCursor(door.orm, { endpointId: 'shop', position: 5, backlog: 1_000_000 });
  await storeCursor(door.orm, { endpointId: 'off', position: null, backlog: 0 });
  const minute = Math.floor(Date.now() / minuteMs) * minuteMs;
  const asked = { since: new Date(minute - 600_000), until: new Date(minute + 1_200_000), buckets: 1 };
  const backlogs = async (more: object) =>
    (await stats({ ...asked, ...more })).map(({ backlog }: { backlog: number | null }) => backlog);
  expect(await backlogs({ endpointId: 'crm' })).toEqual([4]);
  expect(await backlogs({})).toEqual([10_004]);
  expect(await backlogs({ buckets: 3 })).toEqual([null, 10_004, null]);
});

test('backlogs are noted once a minute, whoever looks, and of an endpoint where they changed', async () => {
  const { orm } = door;
  const samples = async () =>
    await orm.em.fork().execute('select endpoint_id as id, backlog from webhook_backlog_samples order by at, backlog');
  /** As if so long had passed: each time another, so that no two rows meet. */
  const pass = async (hours: number) =>
    await orm.em.fork().execute(`update webhook_backlog_samples set at = at - make_interval(hours => ?)`, [hours]);
  await storeCursor(orm, { endpointId: 'crm', position: 1, backlog: 3 });
  await storeCursor(orm, { endpointId: 'idle', position: 1 });
  await storeCursor(orm, { endpointId: 'long', position: 1, backlog: 30_000 });
  await Promise.all([sampleBacklogs(orm), sampleBacklogs(orm), sampleBacklogs(orm)]);
  const first = [
    { id: 'crm', backlog: 3 },
    { id: 'long', backlog: 10_000 },
    { id: '*', backlog: 10_003 },
  ];
  expect(await samples()).toEqual(first);
  await pass(1);
  await storeCursor(orm, { endpointId: 'long', position: 1, backlog: 20_000 });
  await sampleBacklogs(orm);
  const second = [{ id: '*', backlog: 10_003 }];
  expect(await samples()).toEqual([...first, ...second]);
  await pass(3);
  await storeCursor(orm, { endpointId: 'crm', position: null, backlog: 3 });
  await sampleBacklogs(orm);
  expect(await samples()).toEqual([...first, ...second, { id: 'crm', backlog: 0 }, { id: '*', backlog: 10_000 }]);
});
