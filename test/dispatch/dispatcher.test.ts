import { expect, test } from 'vitest';
import type { TurnReport } from '../../src/worker/turn.ts';
import { entryAt } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { replayAt } from './made-up-replays.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { aLease, emptyCursor } from './made-up-actors.ts';

const retrying = (waitMs: number, settled = 0): TurnReport => ({
  settled,
  failure: { status: 'retrying', attempt: 1, waitMs, pause: null },
});

const sent = (world: ReturnType<typeof driveDispatcher>, id: string) =>
  world.begun.filter(({ endpoint }) => endpoint.id === id).map(({ events }) => events.map(({ position }) => position));

test('an event goes to the endpoints whose patterns ask for it, and to no other', () => {
  const world = driveDispatcher({ slots: { fast: 5, slow: 1 } });
  for (const [id, events] of Object.entries({ all: ['*'], orders: ['order.*'], users: ['user.login', 'user.x*'] })) {
    world.serve(makeEndpoint({ id, events }));
  }
  world.publish('order.paid');
  expect(world.out.map(({ turn }) => turn.endpoint.id).toSorted()).toEqual(['all', 'orders']);
  world.publish('user.login');
  world.deliver('all');
  expect(sent(world, 'all')).toEqual([[1], [2]]);
  expect(sent(world, 'orders')).toEqual([[1]]);
  expect(sent(world, 'users')).toEqual([[2]]);
});

test('an addressed event goes to its endpoint alone, whatever its patterns, and is in nobody’s line or backlog', () => {
  const world = driveDispatcher({ slots: { fast: 5, slow: 1 } });
  world.serve(makeEndpoint({ id: 'crm', events: ['order.*'] }));
  world.serve(makeEndpoint({ id: 'all', events: ['*'] }));
  world.publish('webhook.test', { addressedTo: 'crm' });
  expect(world.readingReplays.map(({ id }) => id)).toEqual(['crm']);
  world.readingReplays.shift()!.done([replayAt(1)]);
  expect(world.out.map(({ turn }) => [turn.endpoint.id, turn.origin])).toEqual([['crm', 'test']]);
  world.publish('order.paid');
  world.deliver('crm');
  expect(world.turnOf('crm').turn.events).toMatchObject([{ position: 2, previous: 0 }]);
  expect(world.dispatcher.actor('all')!.backlog.count).toBe(1);
});

test('the dispatcher refuses a log with a gap', () => {
  const world = driveDispatcher({ position: 7 });
  expect(() => world.dispatcher.offer([entryAt(9)])).toThrow('read 9 after 7');
});

test('a hung endpoint delays no quick one, however many hang', () => {
  const world = driveDispatcher({ slots: { fast: 2, slow: 1 } });
  for (let n = 0; n < 6; n += 1) world.serve(makeEndpoint({ id: `hung-${n}`, events: ['a.a'] }));
  world.serve(makeEndpoint({ id: 'quick', events: ['b.b'] }));
  world.publish('a.a');
  expect(world.out).toHaveLength(2);
  world.publish('b.b');
  expect(() => world.turnOf('quick')).toThrow();
  // Each hung turn leaves its fast slot after 250 ms; nothing else has to happen.
  world.pass(750);
  expect(world.deliver('quick')).toEqual([2]);
  world.pass(10_000);
  for (let n = 3; n < 100; n += 1) {
    world.publish('b.b');
    expect(world.deliver('quick')).toEqual([n]);
  }
  expect(world.out).toHaveLength(6);
});

test('a slow endpoint begins in the slow slots until one of its turns is quick', () => {
  const world = driveDispatcher({ slots: { fast: 1, slow: 1 } });
  for (const id of ['one', 'two']) world.serve(makeEndpoint({ id, events: [`${id}.*`] }));
  world.publish('one.a');
  world.pass(250);
  world.publish('two.a');
  world.pass(250);
  expect(world.out).toHaveLength(2);
  world.publish('one.b');
  world.deliver('one');
  // The slow slot still holds the other one.
  expect(sent(world, 'one')).toEqual([[1]]);
  world.publish('two.b');
  world.deliver('two');
  expect(sent(world, 'one')).toEqual([[1], [3]]);
  expect(sent(world, 'two')).toEqual([[2]]);
  world.publish('one.c');
  world.deliver('one');
  // Quick now: the fast slot is free for it, the slow one for the other.
  expect(sent(world, 'one')).toEqual([[1], [3], [5]]);
  expect(sent(world, 'two')).toEqual([[2], [4]]);
});

test('waiting for a retry takes no slot', () => {
  const world = driveDispatcher({ slots: { fast: 1, slow: 1 } });
  for (const id of ['one', 'two']) world.serve(makeEndpoint({ id, events: [`${id}.*`] }));
  world.publish('one.a');
  world.turnOf('one').end(retrying(5_000));
  expect(world.dispatcher.running).toBe(0);
  world.publish('two.a');
  expect(world.deliver('two')).toEqual([2]);
  world.pass(4_999);
  expect(world.out).toHaveLength(0);
  world.pass(1);
  expect(world.turnOf('one').turn.attemptsBefore).toBe(1);
});

test('a changed filter reads again from the first event not settled, and stops the running turn', () => {
  const world = driveDispatcher();
  world.serve(makeEndpoint({ events: ['*'] }));
  for (const type of ['a.a', 'b.b', 'a.a', 'b.b']) world.publish(type);
  world.dispatcher.configure(makeEndpoint({ events: ['b.*', 'c.*'] }));
  expect(world.interrupted).toHaveLength(1);
  world.deliver('crm');
  expect(world.reading.map(({ after }) => after)).toEqual([1]);
  world.publish('c.c');
  world.answerRead();
  expect(world.deliver('crm')).toEqual([2, 4, 5]);
  world.publish('a.a');
  expect(world.out).toEqual([]);
});

test('a new event type reaches an endpoint by its changed filter, not by the old routes', () => {
  const world = driveDispatcher();
  world.serve(makeEndpoint({ events: ['a.*'] }));
  world.publish('b.b');
  world.dispatcher.configure(makeEndpoint({ events: ['b.*'] }));
  expect(world.dispatcher.actor('crm')!.reading).toBe('live');
  world.publish('b.b');
  expect(world.deliver('crm')).toEqual([2]);
});

test('a lagging endpoint reads on in pages, and goes over to live events without a gap or a repeat', () => {
  const world = driveDispatcher();
  for (let n = 0; n < 10; n += 1) world.publish('a.a');
  world.serve(makeEndpoint(), { ...emptyCursor, position: 3, previous: 3, backlog: 7 });
  expect(world.reading.map(({ after }) => after)).toEqual([3]);
  world.publish('a.a');
  world.answerRead(4);
  world.publish('a.a');
  world.answerRead();
  world.publish('a.a');
  world.deliver('crm');
  world.deliver('crm');
  expect(sent(world, 'crm').flat()).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  expect(world.dispatcher.actor('crm')!.backlog.count).toBe(0);
});

test('a failed read of a page is made again after a while, not at once', () => {
  const world = driveDispatcher();
  world.publish('a.a');
  world.serve(makeEndpoint());
  world.reading.shift()!.done([]);
  expect(world.reading).toEqual([]);
  world.pass(1_000);
  world.answerRead();
  expect(world.deliver('crm')).toEqual([1]);
});

test('events before the cursor of a new endpoint are not in its backlog, though they are read after it', () => {
  // The cursor was given at the log's end, position 5, which the dispatcher has not reached yet.
  const world = driveDispatcher({ position: 2 });
  world.serve(makeEndpoint(), { ...emptyCursor, position: 5, backlog: 0 });
  for (let n = 3; n <= 6; n += 1) world.publish('a.a');
  expect(world.dispatcher.actor('crm')!.backlog.count).toBe(1);
  expect(world.deliver('crm')).toEqual([6]);
  expect(world.dispatcher.actor('crm')!.backlog.count).toBe(0);
});

test('a removed endpoint’s turn is stopped, it gets nothing more, and it waits for no slot', () => {
  const world = driveDispatcher({ slots: { fast: 1, slow: 1 } });
  for (const id of ['one', 'two']) world.serve(makeEndpoint({ id }));
  world.publish('a.a');
  world.dispatcher.remove('one');
  world.dispatcher.remove('two');
  expect(world.interrupted).toEqual([0]);
  world.publish('a.b');
  world.deliver('one');
  expect(world.out).toEqual([]);
  expect(world.dispatcher.running).toBe(0);
});

test('an endpoint that is added again with its old cursor does not repeat what its old turn delivers meanwhile', () => {
  const world = driveDispatcher();
  world.serve(makeEndpoint());
  world.publish('a.a');
  world.publish('a.b');
  world.dispatcher.remove('crm');
  // The row of the request on the wire is not there yet when the cursor is read.
  world.dispatcher.add(makeEndpoint(), aLease);
  world.dispatcher.load('crm', { ...emptyCursor, backlog: 2 });
  while (world.reading.length > 0) world.answerRead();
  world.deliver('crm');
  world.loadAs({ ...emptyCursor, settled: new Set([1]), backlog: 1 });
  expect(sent(world, 'crm')).toEqual([[1], [2]]);
});

test('after a lost turn nothing is sent before the rows are read again', () => {
  const world = driveDispatcher();
  world.serve(makeEndpoint());
  for (const type of ['a.a', 'a.b']) world.publish(type);
  world.turnOf('crm').end('recorded');
  world.publish('a.c');
  world.pass(100_000);
  expect({ out: world.out, loadingCursors: world.loadingCursors }).toEqual({ out: [], loadingCursors: ['crm'] });
  world.dispatcher.load('crm', { ...emptyCursor, settled: new Set([1]), backlog: 2 });
  world.answerRead();
  expect(world.deliver('crm')).toEqual([2, 3]);
});

test('a stopped dispatcher begins nothing more and stops every turn', () => {
  const world = driveDispatcher({ slots: { fast: 1, slow: 1 } });
  for (const id of ['one', 'two']) world.serve(makeEndpoint({ id }));
  world.publish('a.a');
  world.publish('a.b');
  world.dispatcher.stop();
  expect(world.interrupted).toEqual([0]);
  world.turnOf('one').end(retrying(10));
  world.pass(100_000);
  expect(world.out).toEqual([]);
  expect(world.dispatcher.running).toBe(0);
});

test('an endpoint that lags behind large events reads on only when it has room for one', () => {
  const behind = 200;
  const large = 'x'.repeat(8 * 1024);
  const log = Array.from({ length: behind }, (_, index) => entryAt(index + 1, { type: 'order.paid', payload: large }));
  const world = driveDispatcher({ position: behind });
  world.serve(makeEndpoint({ id: 'crm', events: ['*'] }));
  const delivered: number[] = [];
  for (let step = 0; step < 1_000 && delivered.length < behind; step += 1) {
    const read = world.reading.shift();
    if (read) read.done(log.slice(read.after, read.after + 50));
    else delivered.push(...world.deliver('crm'));
  }
  expect(delivered).toEqual(log.map(({ position }) => position));
  expect(world.dispatcher.actor('crm')!.reading).toBe('live');
});

test('no turn begins under a lease that is not trusted, and what waits begins once it is', () => {
  const world = driveDispatcher();
  world.serve(makeEndpoint());
  world.trust(() => false);
  world.publish('order.paid');
  world.pass(100_000);
  expect(world.out).toEqual([]);
  world.trust(() => true);
  world.dispatcher.wake();
  expect(world.deliver('crm')).toEqual([1]);
});

test('an endpoint that waits for a slot does not begin under a lost lease, and others take the slot', () => {
  const world = driveDispatcher({ slots: { fast: 1, slow: 1 } });
  world.serve(makeEndpoint({ id: 'first', events: ['a.*'] }));
  world.serve(makeEndpoint({ id: 'lost', events: ['b.*'] }), emptyCursor, { index: 1, epoch: 8 });
  world.serve(makeEndpoint({ id: 'kept', events: ['c.*'] }), emptyCursor, { index: 2, epoch: 8 });
  for (const type of ['a.a', 'b.b', 'c.c']) world.publish(type);
  world.trust(({ index }) => index !== 1);
  world.deliver('first');
  expect(world.out.map(({ turn }) => [turn.endpoint.id, turn.lease])).toEqual([['kept', { index: 2, epoch: 8 }]]);
  world.deliver('kept');
  world.trust(() => true);
  world.dispatcher.wake();
  expect(world.deliver('lost')).toEqual([2]);
});

test('a retiring endpoint begins nothing more, and has retired when its turn has ended', () => {
  const world = driveDispatcher();
  world.serve(makeEndpoint());
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
  expect({ out: world.out, replays: world.readingReplays, still }).toEqual({ out: [], replays: [], still: 1 });
});

test('an endpoint that sends nothing retires at once, and so does one that nobody serves', () => {
  const world = driveDispatcher();
  world.serve(makeEndpoint());
  const still: string[] = [];
  for (const id of ['crm', 'nobody']) world.dispatcher.retire(id, () => still.push(id));
  expect(still).toEqual(['crm', 'nobody']);
});
