import { expect, test } from 'vitest';
import { type HealthAnswer, type HealthRow, createHealthWriter } from '../../src/cursors/health-writer.ts';
import type { Actor } from '../../src/dispatch/actor.ts';
import { startActor, noGap } from '../dispatch/made-up-actors.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';

const lease = { index: 3, epoch: 6 };

function startWriter(...actors: Actor[]) {
  const time = createSimulatedTime();
  const writes: { rows: readonly HealthRow[]; end(answer: HealthAnswer | null): void }[] = [];
  const changed: string[] = [];
  const world = { mayWrite: true, gone: null as Actor | null };
  const writer = createHealthWriter({
    ports: {
      now: time.now,
      schedule: (delayMs, callback) => time.at(delayMs, callback),
      writeHealth(rows, done) {
        writes.push({ rows, end: done });
      },
    },
    owner: 'me',
    actors: () => actors,
    serves: (actor) => actor !== world.gone,
    mayWrite: () => world.mayWrite,
    onChanged: (id) => changed.push(id),
  });
  writer.start();
  return { time, writes, changed, world, writer };
}

const none: HealthAnswer = { refused: new Set(), paused: new Set() };

/** Its first event fails so often. */
function fail(actor: Actor, attempt: number, now = 0): void {
  actor.begin({ kind: 'line' }, 0, 1);
  actor.finish({ settled: 0, failure: { status: 'retrying', attempt, waitMs: 1, pause: null } }, now);
}

function failing(id: string, given: Parameters<typeof makeEndpoint>[0] = {}): Actor {
  const actor = startActor(makeEndpoint({ id, ...given }), { generation: 4, resumes: 2 }, lease);
  actor.takePage(entriesFrom(1, 2), 2, noGap);
  return actor;
}

test('what became of endpoints is stored within a second, and told of once', () => {
  const one = failing('one');
  const two = failing('two');
  const { time, writes, changed } = startWriter(one, two);
  fail(one, 3);
  fail(two, 2);
  time.pass(500);
  expect(writes).toHaveLength(1);
  expect(writes[0]!.rows).toMatchObject([
    {
      ...{ endpointId: 'one', generation: 4, owner: 'me', ownerEpoch: 6, after: 0, pause: null },
      changes: [{ to: 'failing', event: { id: 'event-1', position: 1 } }],
    },
  ]);
  // One write at a time.
  fail(two, 3);
  time.pass(5_000);
  expect(writes).toHaveLength(1);
  writes[0]!.end(none);
  time.pass(500);
  expect(writes[1]!.rows.map(({ endpointId }) => endpointId)).toEqual(['two']);
  writes[1]!.end(none);
  time.pass(5_000);
  expect(writes).toHaveLength(2);
  expect(changed).toEqual([]);
});

test('a write of unknown outcome is repeated as it was, with what came since behind it', () => {
  const actor = failing('crm');
  const { time, writes } = startWriter(actor);
  fail(actor, 3);
  time.pass(500);
  writes[0]!.end(null);
  actor.begin({ kind: 'line' }, 0, 1);
  actor.finish({ settled: 1, failure: null }, 0);
  time.pass(500);
  expect(writes[1]!.rows).toMatchObject([{ after: 0, changes: [{ to: 'failing' }, { to: 'well' }] }]);
});

test('of an endpoint that has another owner or generation the cursor is loaded again', () => {
  const actor = failing('crm');
  const { time, writes, changed } = startWriter(actor);
  fail(actor, 3);
  time.pass(500);
  writes[0]!.end({ refused: new Set(['crm']), paused: new Set() });
  expect(changed).toEqual(['crm']);
  expect(actor.health.unstored.changes).toHaveLength(1);
});

test('nothing is written of an actor that is gone or loads its cursor, nor to a database that was not compared', () => {
  const [gone, loading, own] = [failing('gone'), failing('loading'), failing('own')];
  const { time, writes, world } = startWriter(gone, loading, own);
  for (const actor of [gone, loading, own]) fail(actor, 3);
  world.gone = gone;
  loading.reload();
  world.mayWrite = false;
  time.pass(1_000);
  expect(writes).toEqual([]);
  world.mayWrite = true;
  time.pass(500);
  expect(writes[0]!.rows.map(({ endpointId }) => endpointId)).toEqual(['own']);
});

test('once every attempt has failed for pause_after the database is asked to pause it, until it says that it is paused', () => {
  const actor = failing('crm', { pauseAfterMs: 60_000 });
  const { time, writes, changed } = startWriter(actor);
  fail(actor, 1, 0);
  fail(actor, 2, 30_000);
  time.pass(59_999);
  expect(writes).toEqual([]);
  time.pass(501);
  const { rows } = writes[0]!;
  expect(rows).toMatchObject([{ changes: [], pause: { afterMs: 60_000, resumes: 2, event: { id: 'event-1' } } }]);
  // By the database's clock it is too early.
  writes[0]!.end(none);
  time.pass(500);
  writes[1]!.end({ refused: new Set(), paused: new Set(['crm']) });
  // Its cursor is loaded next, and says so.
  expect(changed).toEqual(['crm']);
});

test('an endpoint without pause_after, or that is paused, is never paused for it', () => {
  const never = failing('never');
  const paused = startActor(makeEndpoint({ id: 'paused', pauseAfterMs: 60_000 }), { pauseReason: 'admin' }, lease);
  const failed = { failedMs: 90_000, isStored: true, wasDelivered: false, failedBefore: new Map<number, number>() };
  paused.health.load({ failing: false, changes: 0, ...failed }, 0);
  const { time, writes } = startWriter(never, paused);
  fail(never, 1);
  time.pass(3_600_000);
  expect(writes).toEqual([]);
});
