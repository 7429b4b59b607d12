import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { aLease, emptyCursor } from './made-up-actors.ts';

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

test('a change stops the running turn, and nothing begins before the cursor is loaded, after the turn’s end', () => {
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

test('the cursor of an endpoint that sends nothing is loaded at once, and none of an endpoint that nobody serves', () => {
  const world = startBusy();
  world.deliver('crm');
  world.deliver('crm');
  world.dispatcher.reloadCursor('crm');
  world.dispatcher.reloadCursor('nobody');
  expect(world.loadingCursors).toEqual(['crm']);
});

test('a cursor that was being read when a change came is not taken: it may be from before the change', () => {
  const world = startBusy();
  world.turnOf('crm').end('recorded');
  expect(world.loadingCursors).toEqual(['crm']);
  world.dispatcher.reloadCursor('crm');
  world.loadAs(emptyCursor);
  expect({ out: world.out, loadingCursors: world.loadingCursors }).toEqual({ out: [], loadingCursors: ['crm'] });
  world.loadAs(rewound);
  expect(world.turnOf('crm').turn.generation).toBe(2);
});

test('a filter that changes while the cursor is read makes it be read again: the old filter counted the backlog', () => {
  const world = startBusy();
  world.turnOf('crm').end('recorded');
  world.dispatcher.configure({ ...crm, events: ['order.sent'] });
  world.loadAs({ ...emptyCursor, backlog: 2 });
  expect({ out: world.out, loadingCursors: world.loadingCursors }).toEqual({ out: [], loadingCursors: ['crm'] });
  world.loadAs({ ...emptyCursor, backlog: 1 });
  expect(world.dispatcher.actor('crm')!.backlog.count).toBe(1);
  expect(world.deliver('crm')).toEqual([2]);
});

test('a new replay is read at once, and again after a while when the read failed', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.dispatcher.wakeReplays('crm');
  world.readingReplays.shift()!.done(null);
  expect(world.readingReplays).toEqual([]);
  world.pass(1_000);
  expect(world.readingReplays).toHaveLength(1);
});

test('the dispatcher reports the end of the last running turn, even of a removed endpoint', () => {
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

test('a retiring endpoint has retired when the running turn of its former actor has ended, too', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.publish('order.paid');
  world.dispatcher.remove('crm');
  world.dispatcher.add(crm, aLease);
  let hasRetired = false;
  world.dispatcher.retire('crm', () => (hasRetired = true));
  expect(hasRetired).toBe(false);
  world.deliver('crm');
  expect(hasRetired).toBe(true);
});

test('a new log epoch drops every actor and loads its cursor again, after the end of its running turn', () => {
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
