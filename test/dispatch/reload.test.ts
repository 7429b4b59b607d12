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

test('one that waits for a slot when it is changed does not begin when there is one', () => {
  const world = driveDispatcher({ slots: { fast: 1, slow: 1 } });
  const other = makeEndpoint({ id: 'other', events: ['*'] });
  for (const endpoint of [other, crm]) world.serve(endpoint);
  world.publish('order.paid');
  world.dispatcher.reloadCursor('crm');
  world.deliver('other');
  expect(world.out).toEqual([]);
  world.loadAs(rewound);
  expect(world.turnOf('crm').turn.generation).toBe(2);
});

test('of two changes at a time, what is read then is newer than both', () => {
  const world = startBusy();
  world.dispatcher.reloadCursor('crm');
  world.dispatcher.reloadCursor('crm');
  world.deliver('crm');
  world.loadAs(rewound);
  expect({ out: world.out, loadingCursors: world.loadingCursors }).toEqual({ out: [], loadingCursors: ['crm'] });
  world.loadAs({ ...rewound, generation: 3 });
  expect(world.turnOf('crm').turn.generation).toBe(3);
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
  expect(world.dispatcher.actor('crm')!.backlog).toBe(1);
  expect(world.deliver('crm')).toEqual([2]);
});

test('a turn that is lost after the change counts as over', () => {
  const world = startBusy();
  world.dispatcher.reloadCursor('crm');
  world.turnOf('crm').end(null);
  expect(world.loadingCursors).toEqual(['crm']);
});

test('one that is changed, removed and added again is read when its former self’s turn is over, and again for the change', () => {
  const world = startBusy();
  world.dispatcher.remove('crm');
  world.dispatcher.add(crm, aLease);
  world.dispatcher.reloadCursor('crm');
  expect(world.loadingCursors).toEqual([]);
  world.deliver('crm');
  expect(world.loadingCursors).toEqual(['crm']);
  world.loadAs({ ...emptyCursor, position: 2 });
  expect(world.loadingCursors).toEqual(['crm']);
  world.loadAs({ ...rewound, position: 2 });
  world.publish('order.paid');
  expect(world.turnOf('crm').turn).toMatchObject({ generation: 2, events: [{ position: 3 }] });
});

test('what a turn of before the change reports is not counted on: the rows say what it did', () => {
  const world = startBusy();
  world.dispatcher.reloadCursor('crm');
  world.turnOf('crm').end({
    settled: 1,
    failure: { status: 'retrying', attempt: 3, waitMs: 60_000, message: 'HTTP 503', gone: false },
  });
  world.loadAs({ ...rewound, backlog: 2 });
  expect(world.turnOf('crm').turn).toMatchObject({ generation: 2, attemptsBefore: 0 });
  expect(world.dispatcher.actor('crm')!.backlog).toBe(2);
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

test('a pause that comes while the rows are read again holds, though they were read before it', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.publish('a.a');
  world.turnOf('crm').end(null);
  world.dispatcher.reloadCursor('crm');
  world.loadAs({ ...emptyCursor, backlog: 1 });
  expect({ out: world.out, loadingCursors: world.loadingCursors }).toEqual({ out: [], loadingCursors: ['crm'] });
  world.loadAs({ ...emptyCursor, backlog: 1, pauseReason: 'admin' });
  expect(world.out).toEqual([]);
  world.dispatcher.reloadCursor('crm');
  world.loadAs({ ...emptyCursor, backlog: 1, resumes: 1 });
  expect(world.deliver('crm')).toEqual([1]);
});

test('a resume that comes while the rows are read again holds, though they were read before it', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.publish('a.a');
  world.dispatcher.reloadCursor('crm');
  world.turnOf('crm').end(null);
  world.dispatcher.reloadCursor('crm');
  world.loadAs({ ...emptyCursor, pauseReason: 'admin', backlog: 1 });
  world.loadAs({ ...emptyCursor, resumes: 1, backlog: 1 });
  expect(world.turnOf('crm').turn).toMatchObject({ resumes: 1, events: [{ position: 1 }] });
});
