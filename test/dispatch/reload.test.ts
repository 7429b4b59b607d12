import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { emptyCursor } from './made-up-actors.ts';

const crm = makeEndpoint({ id: 'crm', events: ['*'] });

/** One endpoint with a turn out, and another event waiting. */
function startBusy() {
  const world = driveDispatcher();
  world.serve(crm);
  world.publish('order.paid');
  world.publish('order.sent');
  return world;
}

const rewound = { ...emptyCursor, generation: 2 };

test('what was changed tells the turn to stop; nothing is begun before the cursor was read, after the turn’s end', () => {
  const world = startBusy();
  world.dispatcher.reloadCursor('crm');
  expect(world.interrupted).toEqual([world.turnOf('crm').turn.slot]);
  expect(world.loadingCursors).toEqual([]);
  world.deliver('crm');
  world.publish('order.paid');
  expect(world.out).toEqual([]);
  expect(world.loadingCursors).toEqual(['crm']);
  world.loadAs(rewound);
  expect(world.turnOf('crm').turn).toMatchObject({ generation: 2, attemptsBefore: 0 });
  expect(world.turnOf('crm').turn.events.map(({ position }) => position)).toEqual([1, 2, 3]);
});

test('of one that sends nothing the cursor is read at once, and of one that nobody serves none', () => {
  const world = startBusy();
  world.deliver('crm');
  world.deliver('crm');
  world.dispatcher.reloadCursor('crm');
  world.dispatcher.reloadCursor('nobody');
  expect(world.loadingCursors).toEqual(['crm']);
});

test('a cursor that was being read when the change was heard of is not taken: it may be from before it', () => {
  const world = startBusy();
  world.turnOf('crm').end(null);
  expect(world.loadingCursors).toEqual(['crm']);
  world.dispatcher.reloadCursor('crm');
  world.loadAs(emptyCursor);
  expect({ out: world.out, loadingCursors: world.loadingCursors }).toEqual({ out: [], loadingCursors: ['crm'] });
  world.loadAs(rewound);
  expect(world.turnOf('crm').turn.generation).toBe(2);
});

test('a filter that is changed while the cursor is read makes it be read again: the backlog was counted by the old one', () => {
  const world = startBusy();
  world.turnOf('crm').end(null);
  world.dispatcher.configure({ ...crm, events: ['order.sent'] });
  world.loadAs({ ...emptyCursor, backlog: 2 });
  expect({ out: world.out, loadingCursors: world.loadingCursors }).toEqual({ out: [], loadingCursors: ['crm'] });
  world.loadAs({ ...emptyCursor, backlog: 1 });
  expect(world.dispatcher.actor('crm')!.backlog.count).toBe(1);
  expect(world.deliver('crm')).toEqual([2]);
});

test('a replay is read and sent as soon as it is told of, and again after a while when the read failed', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.dispatcher.wakeReplays('crm');
  world.readingReplays.shift()!.done(null);
  expect(world.readingReplays).toEqual([]);
  world.pass(1_000);
  expect(world.readingReplays).toHaveLength(1);
});

test('it says that no turn is out any more, whosever the last one was', () => {
  const world = driveDispatcher();
  for (const id of ['one', 'two']) world.serve(makeEndpoint({ id, events: [`${id}.*`] }));
  world.publish('one.a');
  world.publish('two.a');
  world.deliver('one');
  expect(world.seen.idle).toBe(0);
  world.dispatcher.remove('two');
  world.deliver('two');
  expect(world.seen.idle).toBe(1);
});

test('another history drops every actor and reads its cursor again, after the turn that was out', () => {
  const world = driveDispatcher();
  for (const id of ['busy', 'idle']) world.serve(makeEndpoint({ id, events: [`${id}.*`] }));
  world.publish('busy.a');
  const before = world.dispatcher.actor('idle');
  world.dispatcher.restart(1_000);
  expect(world.dispatcher.position).toBe(1_000);
  expect(world.interrupted).toEqual([world.turnOf('busy').turn.slot]);
  expect(world.dispatcher.actor('idle')).not.toBe(before);
  expect(world.dispatcher.actor('idle')!.lease).toEqual(before!.lease);
  expect(world.loadingCursors).toEqual(['idle']);
  world.turnOf('busy').end({ settled: 1, failure: null });
  expect(world.loadingCursors).toEqual(['idle', 'busy']);
});
