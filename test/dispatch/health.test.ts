import { expect, test } from 'vitest';
import { Health, type Head, type StoredHealth } from '../../src/dispatch/health.ts';
import type { TurnReport } from '../../src/worker/turn.ts';

const unknown: StoredHealth = {
  ...{ failing: false, changes: 0, failedMs: null, isStored: false, wasDelivered: false },
  failedBefore: new Map(),
};
const event = (position: number, type = 'order.paid') => ({ id: `event-${position}`, type, position });

function start(stored: Partial<StoredHealth> = {}) {
  const line = { head: null as Head, isBlocked: false };
  const health = new Health(() => line);
  health.load({ ...unknown, ...stored }, 0);
  const told = () => health.unstored.changes.map((change) => (change.to === 'failing' ? change.event.id : 'well'));
  const end = (report: TurnReport, now = 0, isOfLine = true) =>
    health.attempted(report, isOfLine, [event(1), event(2), event(3)], now);
  return { health, line, told, end };
}

const delivered = (settled = 1): TurnReport => ({ settled, failure: null });
const retrying = (attempt: number, settled = 0): TurnReport => ({
  settled,
  failure: { status: 'retrying', attempt, waitMs: 1, pause: null },
});
const givenUp = (attempt: number, settled = 1): TurnReport => ({
  settled,
  failure: { status: 'failed', attempt, waitMs: 0, pause: null },
});

test('an endpoint is failing once its first event has failed for the third time, and well with the next delivery', () => {
  const { told, end } = start();
  end(retrying(1));
  end(retrying(2));
  expect(told()).toEqual([]);
  end(retrying(3));
  end(retrying(4));
  expect(told()).toEqual(['event-1']);
  end(delivered());
  end(delivered());
  expect(told()).toEqual(['event-1', 'well']);
});

test('what blocks its line, or else has failed last, is operational or not', () => {
  const { health, line } = start();
  const told = [event(1), event(2, 'webhook.endpoint_paused')];
  health.attempted(givenUp(2, 2), true, told, 0);
  expect(health.failsByOperational).toBe(true);
  line.head = { event: event(3), attempts: 1 };
  expect(health.failsByOperational).toBe(false);
  line.head = 'empty';
  health.attempted(retrying(1), true, told, 0);
  expect(health.failsByOperational).toBe(false);
});

test('a resume begins a new budget, and the failures before it count all the same', () => {
  const { health, told, end } = start();
  end(retrying(1));
  end(retrying(2));
  health.load({ ...unknown, failedBefore: new Map([[1, 2]]) }, 0);
  expect(told()).toEqual([]);
  end(retrying(1));
  expect(told()).toEqual(['event-1']);
});

test('a turn that delivers before it fails makes it well first, and changes that come quickly keep their order', () => {
  const { told, end } = start();
  end(retrying(3));
  end(retrying(3, 1));
  expect(told()).toEqual(['event-1', 'well', 'event-2']);
});

test('an event that was given up leaves it failing until the next one is delivered, or none waits', () => {
  const first = start();
  first.end(retrying(3));
  first.end(givenUp(4));
  first.line.head = { event: event(2), attempts: 0 };
  first.health.look();
  first.end(retrying(1));
  expect(first.told()).toEqual(['event-1']);
  first.line.head = 'empty';
  first.health.look();
  expect(first.told()).toEqual(['event-1', 'well']);
});

test('a delivery or a failure beside the line says nothing of the line', () => {
  const { told, end } = start();
  end(retrying(3), 0, false);
  expect(told()).toEqual([]);
  end(retrying(3));
  end(delivered(), 0, false);
  expect(told()).toEqual(['event-1']);
});

test('an operational event makes nobody failing: two watchers would keep each other busy', () => {
  const { health, line, told } = start();
  health.attempted(retrying(3), true, [event(1, 'webhook.endpoint_paused')], 0);
  line.head = { event: event(1, 'webhook.endpoint_paused'), attempts: 5 };
  health.look();
  expect(told()).toEqual([]);
});

test.each([
  ['three failures that nobody told of', {}, { event: event(7), attempts: 3 }, ['event-7']],
  ['three failures that were told of', { failing: true, changes: 1 }, { event: event(7), attempts: 3 }, []],
  ['two failures', {}, { event: event(7), attempts: 2 }, []],
  ['an end of which nobody told', { failing: true, changes: 1 }, 'empty', ['well']],
  [
    'a delivery of which nobody told',
    { failing: true, wasDelivered: true },
    { event: event(7), attempts: 0 },
    ['well'],
  ],
  ['a first event that was not tried', { failing: true }, { event: event(7), attempts: 0 }, []],
  ['a line that is not known yet', { failing: true }, null, []],
] satisfies [string, Partial<StoredHealth>, Head, string[]][])(
  'whoever takes over looks at %s',
  (_, stored, head, then) => {
    const { health, line, told } = start(stored);
    line.head = head;
    health.look();
    health.look();
    expect(told()).toEqual(then);
  },
);

test('changes that are stored are told of no more; those that came meanwhile are, also after a load', () => {
  const { health, told, end } = start({ changes: 4 });
  end(retrying(3));
  end(delivered());
  expect(health.unstored.after).toBe(4);
  end(retrying(3));
  health.stored(6);
  expect([health.unstored.after, told()]).toEqual([6, ['event-1']]);
  // A write whose answer was lost, or that nobody has made yet.
  health.load({ ...unknown, changes: 6 }, 0);
  expect(told()).toEqual(['event-1']);
  health.load({ ...unknown, failing: true, changes: 7 }, 0);
  expect(told()).toEqual([]);
  // Another owner was there between.
  end(delivered());
  health.load({ ...unknown, changes: 10 }, 0);
  expect([health.unstored.after, told()]).toEqual([10, []]);
  // The answer of a write from before the load says nothing new.
  health.stored(8);
  expect(health.unstored.after).toBe(10);
});

test('changes that nobody can store do not pile up', () => {
  const { told, end } = start();
  for (let round = 0; round < 100; round += 1) {
    end(retrying(3));
    end(delivered());
  }
  expect(told()).toHaveLength(64);
  expect(told().at(-1)).toBe('well');
});

test('every attempt has failed for as long as none was delivered, while its line is blocked or attempts still fail', () => {
  const { health, line, end } = start();
  line.head = { event: event(1), attempts: 1 };
  expect(health.hasFailedFor(0, 0)).toBe(false);
  end(retrying(1), 1_000);
  end(retrying(2), 5_000);
  expect([health.hasFailedFor(9_000, 9_999), health.hasFailedFor(9_000, 10_000)]).toEqual([false, true]);
  // None waits for a retry, and no attempt was made: nothing is known since.
  line.head = 'empty';
  expect(health.hasFailedFor(9_000, 20_000)).toBe(false);
  end(givenUp(1), 21_000);
  expect(health.hasFailedFor(9_000, 21_000)).toBe(true);
  expect(health.hasFailedFor(9_000, 22_000)).toBe(false);
  end(delivered(), 23_000, false);
  end(givenUp(1), 24_000);
  expect(health.hasFailedFor(9_000, 25_000)).toBe(false);
});

test('after a load it has failed for as long as that says', () => {
  const { health, line } = start({ failedMs: 60_000, isStored: true });
  line.head = { event: event(1), attempts: 1 };
  expect([health.hasFailedFor(60_001, 0), health.hasFailedFor(60_000, 0)]).toEqual([false, true]);
  expect(health.run).toEqual({ since: -60_000, isStored: true });
});
