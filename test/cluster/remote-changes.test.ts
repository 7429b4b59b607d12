import { expect, test } from 'vitest';
import type { StoredState } from '../../src/dispatch/cursor-state.ts';
import { createRemoteChanges } from '../../src/cluster/remote-changes.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from '../dispatch/hand-driven-dispatcher.ts';
import { emptyCursor } from '../dispatch/made-up-actors.ts';
import { replayAt } from '../dispatch/made-up-replays.ts';

const state = (endpointId: string, given: Partial<StoredState> = {}): StoredState => ({
  endpointId,
  generation: 1,
  resumes: 0,
  pauseReason: null,
  hasReplays: false,
  hasOrders: false,
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
  return { ...world, world, readings, onVersions: controls.onVersions, begin: controls.begin };
}

test('no endpoint’s state is read while no control version was raised', () => {
  const { onVersions, readings } = start();
  onVersions([0, 0], [0, 1]);
  onVersions([0, 0], [0, 1]);
  expect(readings).toEqual([]);
});

test('where a control version was raised, the states of that shard’s endpoints are read, once', () => {
  const { onVersions, readings } = start();
  onVersions([1, 0], [0, 1]);
  expect(readings.map(({ ids }) => ids)).toEqual([['one', 'two']]);
  readings[0]!.answer([state('one'), state('two')]);
  onVersions([1, 0], [0, 1]);
  expect(readings).toEqual([]);
});

test.each([
  ['paused', { pauseReason: 'admin' as const }],
  ['resumed', { resumes: 1 }],
  ['rewound', { generation: 2 }],
])('an endpoint that was %s stops its turn and loads its cursor again, and the others go on', (_, change) => {
  const { onVersions, readings, interrupted, turnOf, world, loadingCursors } = start();
  onVersions([1, 0], [0, 1]);
  readings[0]!.answer([state('one'), state('two', change)]);
  expect(interrupted).toEqual([turnOf('two').turn.slot]);
  for (const id of ['one', 'two']) world.deliver(id);
  expect(loadingCursors).toEqual(['two']);
});

test('new tests and replays are read, and stop no turn', () => {
  const { onVersions, readings, interrupted, readingReplays, loadingCursors } = start();
  onVersions([1, 0], [0, 1]);
  readings[0]!.answer([state('one', { hasReplays: true }), state('two')]);
  expect(readingReplays.map(({ id }) => id)).toEqual(['one']);
  expect([interrupted, loadingCursors]).toEqual([[], []]);
});

test('an endpoint that holds replays, or reads some, loads its cursor again: they may have been cancelled', () => {
  const { onVersions, readings, readingReplays, world, loadingCursors } = start();
  world.dispatcher.wakeReplays('one');
  onVersions([1, 0], [0, 1]);
  readings[0]!.answer([state('one'), state('two')]);
  world.deliver('one');
  expect(loadingCursors).toEqual(['one']);
  readingReplays[0]!.done([replayAt(9), replayAt(10)]);
  world.loadAs({ ...emptyCursor, position: 1 });
  expect(world.out.map(({ turn }) => turn.endpoint.id)).not.toContain('one');
  readingReplays.at(-1)!.done([]);

  world.dispatcher.wakeReplays('two');
  readingReplays.at(-1)!.done([replayAt(9)]);
  onVersions([2, 0], [0, 1]);
  readings[0]!.answer([state('one'), state('two')]);
  world.deliver('two');
  expect(loadingCursors).toEqual(['two']);
  world.loadAs({ ...emptyCursor, position: 1 });
  expect(world.out.map(({ turn }) => turn.endpoint.id)).not.toContain('two');
});

test('a cursor that is being loaded is loaded again: the first load may be from before the change', () => {
  const { onVersions, readings, turnOf, world, loadingCursors } = start();
  turnOf('one').end('recorded');
  expect(loadingCursors).toEqual(['one']);
  onVersions([1, 0], [0, 1]);
  // It stands as before: but what is read by now need not.
  readings[0]!.answer([state('one'), state('two')]);
  world.loadAs(emptyCursor);
  expect(loadingCursors).toEqual(['one']);
});

test('a failed read is made again with the next versions, though they are the same', () => {
  const { onVersions, readings } = start();
  onVersions([1, 0], [0, 1]);
  readings[0]!.answer(null);
  expect(readings).toEqual([]);
  onVersions([1, 0], [0, 1]);
  expect(readings.map(({ ids }) => ids)).toEqual([['one', 'two']]);
});

test('a version that is raised during a read makes the states be read again', () => {
  const { onVersions, readings, interrupted } = start();
  onVersions([1, 0], [0, 1]);
  onVersions([2, 0], [0, 1]);
  expect(readings).toHaveLength(2);
  readings[0]!.answer([state('one'), state('two')]);
  expect(interrupted).toEqual([]);
  readings[0]!.answer([state('one', { pauseReason: 'admin' }), state('two')]);
  expect(interrupted).toHaveLength(1);
});

test('a shard is read only while it is served here, and only for versions above the one it began with', () => {
  const { onVersions, begin, readings } = start();
  onVersions([0, 5], [0]);
  expect(readings).toEqual([]);
  begin(1);
  onVersions([0, 5], [0, 1]);
  expect(readings).toEqual([]);
  onVersions([0, 6], [0, 1]);
  expect(readings.map(({ ids }) => ids)).toEqual([['other']]);
});

test('an endpoint that was removed meanwhile is left alone', () => {
  const { onVersions, readings, world, loadingCursors } = start();
  onVersions([1, 0], [0, 1]);
  world.dispatcher.remove('two');
  readings[0]!.answer([state('one'), state('two', { pauseReason: 'admin' })]);
  world.deliver('two');
  expect(loadingCursors).toEqual([]);
});
