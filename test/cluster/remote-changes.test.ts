import { expect, test } from 'vitest';
import type { StoredState } from '../../src/dispatch/cursor-state.ts';
import { createRemoteChanges } from '../../src/cluster/remote-changes.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from '../dispatch/hand-driven-dispatcher.ts';
import { emptyCursor } from '../dispatch/made-up-actors.ts';

const state = (endpointId: string, given: Partial<StoredState> = {}): StoredState => ({
  endpointId,
  generation: 1,
  resumes: 0,
  pauseReason: null,
  hasReplays: false,
  ...given,
});

/** Endpoints of the shards 0 and 1, each with a turn out; readings wait until the test answers them. */
function start() {
  const world = driveDispatcher({ slots: { fast: 9, slow: 9 } });
  const readings: { ids: readonly string[]; answer(states: readonly StoredState[] | null): void }[] = [];
  const controls = createRemoteChanges(
    {
      readStoredStates(ids, done) {
        const reading = {
          ids,
          answer(states: readonly StoredState[] | null) {
            readings.splice(readings.indexOf(reading), 1);
            done(states);
          },
        };
        readings.push(reading);
      },
    },
    () => world.dispatcher,
  );
  for (const shard of [0, 1]) controls.begin(shard);
  for (const [id, index] of Object.entries({ one: 0, two: 0, other: 1 })) {
    world.serve(makeEndpoint({ id }), emptyCursor, { index, epoch: 1 });
  }
  world.publish('order.paid');
  return { ...world, world, readings, hear: controls.onVersions, begin: controls.begin };
}

test('nothing is read while no version was raised', () => {
  const { hear, readings } = start();
  hear([0, 0], [0, 1]);
  hear([0, 0], [0, 1]);
  expect(readings).toEqual([]);
});

test('where a version was raised, the endpoints of that shard are looked at, once', () => {
  const { hear, readings } = start();
  hear([1, 0], [0, 1]);
  expect(readings.map(({ ids }) => ids)).toEqual([['one', 'two']]);
  readings[0]!.answer([state('one'), state('two')]);
  hear([1, 0], [0, 1]);
  expect(readings).toEqual([]);
});

test.each([
  ['paused', { pauseReason: 'admin' as const }],
  ['resumed', { resumes: 1 }],
  ['rewound', { generation: 2 }],
])('one that was %s ends its turn and is read again; the others go on', (_, change) => {
  const { hear, readings, interrupted, turnOf, world, loadingCursors } = start();
  hear([1, 0], [0, 1]);
  readings[0]!.answer([state('one'), state('two', change)]);
  expect(interrupted).toEqual([turnOf('two').turn.slot]);
  for (const id of ['one', 'two']) world.deliver(id);
  expect(loadingCursors).toEqual(['two']);
});

test('new tests and replays interrupt nothing and are read', () => {
  const { hear, readings, interrupted, readingReplays, loadingCursors } = start();
  hear([1, 0], [0, 1]);
  readings[0]!.answer([state('one', { hasReplays: true }), state('two')]);
  expect(readingReplays.map(({ id }) => id)).toEqual(['one']);
  expect([interrupted, loadingCursors]).toEqual([[], []]);
});

test('one whose cursor is just being read is read again: that may be from before the change', () => {
  const { hear, readings, turnOf, world, loadingCursors } = start();
  turnOf('one').end(null);
  expect(loadingCursors).toEqual(['one']);
  hear([1, 0], [0, 1]);
  // It stands as before: but what is read by now need not.
  readings[0]!.answer([state('one'), state('two')]);
  world.loadAs(emptyCursor);
  expect(loadingCursors).toEqual(['one']);
});

test('a reading that fails is made again with the next versions, though they are the same', () => {
  const { hear, readings } = start();
  hear([1, 0], [0, 1]);
  readings[0]!.answer(null);
  expect(readings).toEqual([]);
  hear([1, 0], [0, 1]);
  expect(readings.map(({ ids }) => ids)).toEqual([['one', 'two']]);
});

test('what is raised while endpoints are looked at makes them be looked at again', () => {
  const { hear, readings, interrupted } = start();
  hear([1, 0], [0, 1]);
  hear([2, 0], [0, 1]);
  expect(readings).toHaveLength(2);
  readings[0]!.answer([state('one'), state('two')]);
  expect(interrupted).toEqual([]);
  readings[0]!.answer([state('one', { pauseReason: 'admin' }), state('two')]);
  expect(interrupted).toHaveLength(1);
});

test('shards that are not served here are not looked at; when one is taken, what was changed before is in its cursors', () => {
  const { hear, begin, readings } = start();
  hear([0, 5], [0]);
  expect(readings).toEqual([]);
  begin(1);
  hear([0, 5], [0, 1]);
  expect(readings).toEqual([]);
  hear([0, 6], [0, 1]);
  expect(readings.map(({ ids }) => ids)).toEqual([['other']]);
});

test('one that is gone meanwhile is left alone', () => {
  const { hear, readings, world, loadingCursors } = start();
  hear([1, 0], [0, 1]);
  world.dispatcher.remove('two');
  readings[0]!.answer([state('one'), state('two', { pauseReason: 'admin' })]);
  world.deliver('two');
  expect(loadingCursors).toEqual([]);
});
