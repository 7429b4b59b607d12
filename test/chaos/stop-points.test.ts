// An instance is stopped for longer than its leases, or loses its thread, at stages of an event's way: what its endpoint sees.

import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type RunningService, startService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';
import type { Failpoint } from './failpoints.ts';
import { arm, instanceProgram } from './instance-program.ts';

const leaseTtlMs = 1_500;
const patience = { withinMs: 30_000 };
vi.setConfig({ testTimeout: 90_000 });

let database: TestDatabase;
let stage: Stage;
let instances: [RunningService, RunningService];

beforeAll(async () => {
  database = await openDatabase();
  const environment = { VALKEY_URL: inject('valkeyUrl'), CHAOS_LEASE_TTL_MS: String(leaseTtlMs) };
  stage = await openStage({ program: instanceProgram, database, environment });
  await stage.place.configure([stage.endpoint('crm', { base_delay: '50ms' })]);
  const first = await stage.start();
  const more = { DATABASE_URL: database.url, ...environment };
  instances = [first, await startService(stage.place.path, more, instanceProgram)];
});
afterAll(async () => {
  await instances[1][Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => {
  reportOnFailure(stage);
  stage.receiver.behave('crm', () => ({}));
});

/** Who serves the endpoint, as this instance sees it. */
async function ownerBy(asked: RunningService): Promise<RunningService | undefined> {
  const { webhookEndpoints } = await asked.ask<{ webhookEndpoints: [{ owner: string | null }] }>(
    '{ webhookEndpoints { owner } }',
  );
  return instances.find(({ pid }) => webhookEndpoints[0].owner?.endsWith(`:${pid}`));
}

/** Waits until each has half of the shards: one that was stopped has looked around by then, and holds leases anew. */
async function ownerAndOther(): Promise<{ owner: RunningService; other: RunningService }> {
  await eventually(async () => (await Promise.all(instances.map(hasHalf))).every(Boolean), {
    ...patience,
    saying: 'half of the shards on each',
  });
  const owner = (await ownerBy(instances[0]))!;
  return { owner, other: instances.find((one) => one !== owner)! };
}

async function hasHalf({ url }: RunningService): Promise<boolean> {
  const response = await fetch(`${url}/readyz`);
  const { checks } = (await response.json()) as { checks: { leases: { detail: string } } };
  return checks.leases.detail.startsWith('32 of 64 shards');
}

async function publish(through: RunningService, type: string, count: number): Promise<string[]> {
  const events = Array.from({ length: count }, () => ({ type, data: {} }));
  const { publishWebhookEvents } = await through.ask<{ publishWebhookEvents: { id: string }[] }>(
    'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }',
    { events },
  );
  return publishWebhookEvents.map(({ id }) => id);
}

function requestsOf(id: string) {
  const requests = stage.receiver.of('crm').filter(({ eventId }) => eventId === id);
  return requests.map(({ attempt, status }) => [attempt, status]);
}

async function rowsOf(id: string) {
  const rows = (await stage.attempts('crm')).filter(({ eventId }) => eventId === id);
  return rows.map(({ attempt, status }) => [attempt, status]);
}

const accepted = (ids: readonly string[]) =>
  eventually(() => ids.every((id) => requestsOf(id).some(([, status]) => status === 200)), {
    ...patience,
    saying: 'every event at crm',
  });

/**
 * With `owner` stopped and `ids` published, the first of which it may have sent: the other takes over and sends them all.
 * When the owner goes on, it sends nothing more: what it had sent is recorded.
 */
async function isSucceeded(
  { owner, other }: Awaited<ReturnType<typeof ownerAndOther>>,
  ids: string[],
  requests: number,
) {
  await eventually(async () => (await ownerBy(other)) === other, { ...patience, saying: 'a take-over' });
  await accepted(ids);
  owner.send('SIGCONT');
  await ownerAndOther();
  const [first, ...rest] = ids;
  await eventually(async () => (await rowsOf(first!)).length === requests, { ...patience, saying: 'every row' });
  const [last] = await publish(owner, 'stop.after', 1);
  await accepted([last!]);
  expect(requestsOf(first!)).toEqual(Array.from({ length: requests }, () => [1, 200]));
  expect(await rowsOf(first!)).toEqual(Array.from({ length: requests }, () => [1, 'delivered']));
  for (const id of [...rest, last!]) {
    expect(requestsOf(id)).toEqual([[1, 200]]);
    await eventually(async () => (await rowsOf(id)).length > 0);
    expect(await rowsOf(id)).toEqual([[1, 'delivered']]);
  }
}

/** Publishes five events, at the first of which the owner is stopped; their ids. */
async function stopAt(
  point: Failpoint,
  { owner, other }: Awaited<ReturnType<typeof ownerAndOther>>,
): Promise<string[]> {
  await arm(owner, point, { act: 'stop' });
  const ids = await publish(other, 'stop.event', 5);
  await eventually(async () => !(await answers(owner)), { saying: 'the stop' });
  return ids;
}

async function answers({ url }: RunningService): Promise<boolean> {
  return await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(500) }).then(
    () => true,
    () => false,
  );
}

const stops: [name: string, point: Failpoint, requests: number][] = [
  ['dispatched, and not given to a thread: it sends nothing', 'before pool.run', 1],
  ['in the thread, and not on the wire: it sends nothing', 'before turn.deliver', 1],
  ['answered, and not recorded: this one comes twice, and each request is recorded', 'after turn.deliver', 2],
];

test.each(stops)('stopped for longer than a lease with an event %s', async (_, point, requests) => {
  const both = await ownerAndOther();
  const ids = await stopAt(point, both);
  await isSucceeded(both, ids, requests);
});

test('stopped for longer than a lease with a request unanswered: it comes again, and each one is recorded', async () => {
  const both = await ownerAndOther();
  const next = stage.receiver.journal.length + 1;
  const release = stage.receiver.hold('crm', { which: ({ number }) => number === next });
  const ids = await publish(both.other, 'stop.event', 5);
  await eventually(() => stage.receiver.hanging() === 1);
  both.owner.send('SIGSTOP');
  await eventually(async () => (await ownerBy(both.other)) === both.other, patience);
  await accepted(ids.slice(1));
  release();
  await isSucceeded(both, ids, 2);
});

const exits: [name: string, point: Failpoint, requests: unknown[], rows: unknown[]][] = [
  [
    'with an answer there and not recorded: the event has spent an attempt, and comes again',
    'after turn.deliver',
    [
      [1, 200],
      [2, 200],
    ],
    [
      [1, 'retrying'],
      [2, 'delivered'],
    ],
  ],
  [
    'with a row written, and its actor not told: nothing comes again',
    'after recorder.record',
    [[1, 200]],
    [[1, 'delivered']],
  ],
];

test.each(exits)('a thread ends %s', async (_, point, requests, rows) => {
  const { owner } = await ownerAndOther();
  await arm(owner, point, { act: 'exit' });
  const [first, second] = await publish(owner, 'exit.event', 2);
  await accepted([second!]);
  await eventually(async () => (await rowsOf(second!)).length > 0);
  expect(requestsOf(first!)).toEqual(requests);
  expect(await rowsOf(first!)).toEqual(rows);
});

test('over all of it, nothing was lost, out of order, wrongly signed or changed', async () => {
  const requests = stage.receiver.of('crm');
  const first = [...new Set(requests.filter(({ status }) => status === 200).map(({ eventId }) => eventId))];
  expect(first).toEqual((await stage.log()).map(({ id }) => id));
  expect(requests.filter(({ signed }) => !signed)).toEqual([]);
});
