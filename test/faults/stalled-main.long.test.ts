// An instance whose main thread does nothing for longer than its leases last, while its delivery threads live.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { instanceProgram, stall } from '../chaos/instance-program.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import type { JournalEntry } from '../support/receiver/journal.ts';
import { type Pair, watchPair } from '../support/pair.ts';
import { type RunningService, startService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';

const leaseTtlMs = 2_000;
const stallMs = 8_000;
const endpoints = Array.from({ length: 12 }, (_, index) => `endpoint-${index + 1}`);
const acknowledged: string[] = [];
let database: TestDatabase;
let stage: Stage;
let stalled: RunningService;
let other: RunningService;
let pair: Pair;

beforeAll(async () => {
  database = await openDatabase();
  const environment = { VALKEY_URL: inject('valkeyUrl'), DELIVERY_THREADS: '1' };
  const program = instanceProgram(leaseTtlMs);
  stage = await openStage({ database, environment: { ...environment, CHAOS_SENDER: 'other' }, program });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  const theirs = { DATABASE_URL: database.url, ...environment, CHAOS_SENDER: 'stalled' };
  [other, stalled] = await Promise.all([stage.start(), startService(stage.place.path, theirs, program)]);
  pair = watchPair({ stage, endpoints, acknowledged, running: () => [stalled, other] });
});
afterAll(async () => {
  await stalled[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

/** What it sent itself. */
function ofStalled(entries: readonly JournalEntry[]): JournalEntry[] {
  return entries.filter(({ sender }) => sender === 'stalled');
}

/** Waits until both serve their half; with the endpoints of the one that is about to stall. */
async function itsEndpoints(): Promise<string[]> {
  const [first] = await pair.sharedOut();
  expect(first!.ids).not.toEqual([]);
  return first!.ids;
}

test('the other takes over, nothing is sent under a lease that is over, and nothing is lost, disordered or doubled', async () => {
  const ids = await itsEndpoints();
  const stop = pair.publishSteadily(other);
  await eventually(() => ofStalled(stage.receiver.journal).length > 100);
  await stall(stalled, stallMs);
  const stalledAt = monotonicMs();
  // Its threads sent what they had been given; its successor goes on.
  await eventually(() => ids.every((id) => stage.receiver.of(id).at(-1)?.sender === 'other'), {
    saying: 'the other to serve all',
  });
  expect(monotonicMs() - stalledAt).toBeLessThan(stallMs);
  const [last] = ofStalled(stage.receiver.journal).slice(-1);
  expect(last!.begunAt - stalledAt).toBeLessThan(leaseTtlMs);
  await pair.sharedOut();
  expect(monotonicMs() - stalledAt).toBeGreaterThan(stallMs);
  await eventually(() => ids.some((id) => stage.receiver.of(id).at(-1)?.sender === 'stalled'));
  await stop();
  expect(await stage.judge({ endpoints, acknowledged, crashes: 0 })).toEqual([]);
});

test('what it had on the wire is answered to its thread and recorded meanwhile, and comes once more from the other', async () => {
  const [id] = (await itsEndpoints()) as [string];
  const release = stage.receiver.hold(id, { which: ({ sender }) => sender === 'stalled' });
  const { publish } = pair.through(other);
  const came = () => stage.receiver.of(id).slice(before);
  const before = stage.receiver.of(id).length;
  const [held, next] = await publish('a.held', 'a.next');
  await eventually(() => came().length === 1);
  await stall(stalled, stallMs);
  const stalledAt = monotonicMs();
  await eventually(() => came().at(-1)?.eventId === next, { saying: 'the other to serve it' });
  release();
  const rows = await eventually(async () => {
    const found = (await stage.attempts(id)).filter(({ eventId }) => eventId === held);
    return found.length === 2 ? found : null;
  });
  expect(monotonicMs() - stalledAt).toBeLessThan(stallMs);
  expect(rows.map(({ attempt, status }) => [attempt, status])).toEqual([
    [1, 'delivered'],
    [1, 'delivered'],
  ]);
  await pair.sharedOut();
  const [last] = await publish('a.last');
  await eventually(() => came().at(-1)?.eventId === last);
  expect(came().map(({ eventId, sender }) => [eventId, eventId === last ? 'either' : sender])).toEqual([
    [held, 'stalled'],
    [held, 'other'],
    [next, 'other'],
    [last, 'either'],
  ]);
});
