import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { aLease, emptyCursor } from './made-up-actors.ts';

const crm = makeEndpoint({ id: 'crm', events: ['*'] });

test('no turn begins under a lease that is not trusted, and what waits begins once it is', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.trust(() => false);
  world.publish('order.paid');
  world.pass(100_000);
  expect(world.out).toEqual([]);
  world.trust(() => true);
  world.dispatcher.wake();
  expect(world.deliver('crm')).toEqual([1]);
});

test('one that waits for a slot while its lease is lost does not begin when there is one, and others do', () => {
  const world = driveDispatcher({ slots: { fast: 1, slow: 1 } });
  world.serve(makeEndpoint({ id: 'first', events: ['a.*'] }));
  world.serve(makeEndpoint({ id: 'lost', events: ['b.*'] }), emptyCursor, { index: 1, epoch: 8 });
  world.serve(makeEndpoint({ id: 'kept', events: ['c.*'] }), emptyCursor, { index: 2, epoch: 8 });
  for (const type of ['a.a', 'b.b', 'c.c']) world.publish(type);
  world.trust(({ index }) => index !== 1);
  world.deliver('first');
  expect(world.out.map(({ turn }) => [turn.receiver.id, turn.lease])).toEqual([['kept', { index: 2, epoch: 8 }]]);
  world.deliver('kept');
  world.trust(() => true);
  world.dispatcher.wake();
  expect(world.deliver('lost')).toEqual([2]);
});

test('a retry that becomes due while its lease is not trusted is sent once it is', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.publish('order.paid');
  const failure = { status: 'retrying' as const, attempt: 1, waitMs: 1_000, message: 'HTTP 503', gone: false };
  world.turnOf('crm').end({ settled: 0, failure });
  world.trust(() => false);
  world.pass(5_000);
  expect(world.out).toEqual([]);
  world.trust(() => true);
  world.dispatcher.wake();
  expect(world.turnOf('crm').turn.attemptsBefore).toBe(1);
});

test('one that retires begins nothing more, and is still when its turn is over', () => {
  const world = driveDispatcher();
  world.serve(crm);
  for (const type of ['a.a', 'b.b', 'c.c']) world.publish(type);
  let still = 0;
  world.dispatcher.retire('crm', () => (still += 1));
  expect(world.interrupted).toEqual([world.turnOf('crm').turn.slot]);
  expect(still).toBe(0);
  world.deliver('crm');
  expect(still).toBe(1);
  world.publish('d.d');
  world.dispatcher.wakeReplays('crm');
  world.dispatcher.wake();
  world.pass(100_000);
  expect({ out: world.out, side: world.readingReplays, still }).toEqual({ out: [], side: [], still: 1 });
});

test('one that sends nothing is still at once, and so is one that nobody serves', () => {
  const world = driveDispatcher();
  world.serve(crm);
  const still: string[] = [];
  for (const id of ['crm', 'nobody']) world.dispatcher.retire(id, () => still.push(id));
  expect(still).toEqual(['crm', 'nobody']);
});

test('one that retires is still when the turn of its former self is over, too', () => {
  const world = driveDispatcher();
  world.serve(crm);
  world.publish('order.paid');
  world.dispatcher.remove('crm');
  world.dispatcher.add(crm, aLease);
  let still = false;
  world.dispatcher.retire('crm', () => (still = true));
  expect(still).toBe(false);
  world.deliver('crm');
  expect(still).toBe(true);
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
