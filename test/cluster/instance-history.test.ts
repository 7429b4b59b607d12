import { expect, test } from 'vitest';
import { entriesFrom, entryAt } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveInstance, goOn, restore, startAfter } from './hand-driven-instance.ts';
import { emptyCursor } from '../dispatch/made-up-actors.ts';

const crm = makeEndpoint({ id: 'crm' });

test('a new log epoch drops what is known, loads every cursor again, and goes on at its head, past the gap', () => {
  const world = startAfter(3);
  world.seen.changes.length = 0;
  goOn(world, 'second', 1_000);
  world.database.cursors.set('crm', { ...emptyCursor, position: 3, previous: 3 });
  world.pass(1_100);
  expect(world.seen.epochs).toEqual(['first', 'second']);
  expect(world.instance.dispatcher.position).toBe(1_000);
  world.publish('order.paid');
  world.pass(100);
  expect(world.out.map(({ turn }) => turn.events)).toMatchObject([[{ position: 1_001, previous: 3 }]]);
  expect(world.seen.begun).toEqual([]);
});

test('events that wait for a configuration while a new log epoch begins are not sent', () => {
  const world = startAfter(1);
  world.publish('order.paid', { configuration: 9 });
  world.pass(100);
  restore(world, 1);
  goOn(world, 'second', 1_000);
  world.database.cursors.set('crm', { ...emptyCursor, position: 1, previous: 1 });
  world.pass(1_100);
  world.put(9);
  world.pass(1_100);
  expect(world.out).toEqual([]);
  world.publish('order.paid', { configuration: 9 });
  world.pass(100);
  expect(world.out.map(({ turn }) => turn.events)).toMatchObject([[{ position: 1_001 }]]);
});

test('after the database lost the log’s end nothing is done before a new log epoch begins above all that was read', () => {
  const world = startAfter(3);
  world.pass(1_100);
  restore(world, 2);
  world.seen.changes.length = 0;
  world.pass(1_100);
  expect(world.seen.begun[0]).toEqual({ from: 'first', past: 3 });
  expect(world.seen.relay).toBe('rests');
  world.actor('crm')!.take(entryAt(4));
  world.pass(5_000);
  expect(world.seen.changes).toEqual([]);
  goOn(world, 'second', 3);
  world.pass(1_100);
  expect([world.seen.relay, world.seen.epochs]).toEqual(['leads', ['first', 'second']]);
});

test('another event at a known position means a lost end, even of a longer log, and a purged event does not', () => {
  const world = startAfter(3);
  world.pass(1_100);
  world.database.log = world.database.log.filter(({ position }) => position !== 3);
  world.pass(1_100);
  expect(world.seen.begun).toEqual([]);
  world.database.log = entriesFrom(1, 9).map((entry) => ({ ...entry, id: `other-${entry.position}` }));
  world.database.head = 9;
  world.pass(1_100);
  expect(world.seen.begun[0]).toEqual({ from: 'first', past: 3 });
});

/** One that starts on a log of five events, and a stream that ends with another one at `position`. */
function startOnGhost(position: number) {
  const world = driveInstance(crm);
  world.stream.ready = true;
  world.stream.last = { position, id: 'ghost' };
  world.database.log = entriesFrom(1, 5);
  world.database.head = 5;
  return world;
}

test('an instance that never read the lost end learns of it from the stream’s last entry, before it reads the stream', () => {
  const world = startOnGhost(10);
  world.pass(2_000);
  expect(world.seen.begun[0]).toEqual({ from: 'first', past: 10 });
  expect(world.stream.asked).toEqual([]);
  expect(world.seen.relay).toBe('rests');
});

/** One that reads the stream. */
function startOnStream() {
  const world = startAfter(3);
  world.stream.ready = true;
  world.stream.last = { position: 3, id: 'event-3' };
  world.pass(3_000);
  expect(world.stream.asked).toEqual([3]);
  return world;
}

test('once the log lost its end, the stream is not read before a new log epoch begins', () => {
  const world = startOnStream();
  restore(world, 2);
  world.pass(1_100);
  world.stream.answer();
  world.pass(3_000);
  expect(world.stream.asked).toEqual([3]);
});

test('in a new log epoch the stream is read only once it was compared again', () => {
  const world = startOnStream();
  world.holding.add('last');
  goOn(world, 'second', 1_000);
  world.stream.last = null;
  world.pass(3_000);
  expect(world.stream.asked).toEqual([3]);
  world.answer('last');
  world.pass(1_100);
  expect(world.stream.asked).toEqual([3, 1_000]);
});

test('a new log epoch that ends below a position of the one before is not believed either', () => {
  const world = startAfter(3);
  world.pass(1_100);
  restore(world, 1);
  goOn(world, 'second', 2);
  world.pass(1_100);
  expect(world.seen.epochs).toEqual(['first']);
  expect(world.seen.begun[0]).toEqual({ from: 'second', past: 3 });
});

test('while heartbeats fail no cursor is written, and the relay rests', () => {
  const world = startAfter(1);
  world.pass(2_000);
  world.seen.changes.length = 0;
  world.holding.add('heartbeat');
  world.pass(1_100);
  world.database.isAway = true;
  world.answer('heartbeat');
  world.database.isAway = false;
  world.actor('crm')!.take(entryAt(2));
  world.pass(10_000);
  expect(world.seen.changes).toEqual([]);
  expect(world.seen.relay).toBe('rests');
  world.answer('heartbeat');
  world.pass(1_100);
  expect(world.seen.changes).toEqual(['write crm at 1']);
});

test('until another database server is compared with the stream, nothing is sent, numbered or read from the stream', () => {
  const world = startOnStream();
  world.holding.add('last');
  world.database.server = 'two';
  world.publish('order.paid');
  world.pass(2_100);
  expect([world.seen.relay, world.out, world.stream.asked]).toEqual(['rests', [], [3]]);
  world.holding.delete('last');
  world.answer('last');
  world.stream.answer();
  world.pass(1_100);
  expect([world.seen.relay, world.out.length, world.stream.asked]).toEqual(['leads', 1, [3, 4]]);
});

test('events are appended to the stream only once it was compared: before, they would hide its last entry', () => {
  const world = startAfter(1);
  world.stream.ready = true;
  world.stream.last = { position: 1, id: 'event-1' };
  world.holding.add('last');
  world.pass(1_100);
  world.publish('order.paid');
  expect(world.stream.appended).toEqual([]);
  world.answer('last');
  world.pass(1_100);
  world.publish('order.paid');
  expect(world.stream.appended).toEqual([3]);
});

test('a lost end that is found at the start is over once a new log epoch begins', () => {
  const world = startOnGhost(3);
  world.pass(50);
  expect(world.seen.begun).toEqual([{ from: 'first', past: 3 }]);
  goOn(world, 'second', 5);
  world.pass(5_000);
  expect([world.seen.begun.length, world.seen.epochs, world.seen.relay]).toEqual([1, ['second'], 'leads']);
});

test('what a lagging endpoint reads for itself counts as known, though the dispatcher was not that far', () => {
  const world = driveInstance(crm);
  world.database.log = entriesFrom(1, 7);
  // Two more than the heartbeat’s answer says were committed when the page was read.
  world.database.head = 5;
  world.database.cursors.set('crm', { ...emptyCursor, position: 3, previous: 3, backlog: 2 });
  world.pass(100);
  expect(world.out[0]!.turn.events.at(-1)).toMatchObject({ position: 7 });
  restore(world, 5);
  world.pass(1_100);
  expect(world.seen.begun[0]).toEqual({ from: 'first', past: 7 });
});

test('the event of a test or replay that is sent counts as known, though the dispatcher was not that far', () => {
  const world = startAfter(1);
  world.holding.add('page');
  world.database.log.push(...entriesFrom(2, 5));
  world.database.head = 5;
  const event = { ...entryAt(5), previous: null };
  world.database.replays.push({ id: 'item', origin: 'replay', event, attempts: 0, waitMs: 0 });
  world.instance.dispatcher.wakeReplays('crm');
  world.pass(10);
  expect(world.out.map(({ turn }) => turn.origin)).toEqual(['replay']);
  world.database.log = entriesFrom(1, 5).map((entry) => ({ ...entry, id: `other-${entry.position}` }));
  world.pass(1_100);
  expect(world.seen.begun[0]).toEqual({ from: 'first', past: 5 });
});

test('another event in the stream at a numbered position means a lost end, though both end with the same event', () => {
  const world = startOnStream();
  world.publish('order.paid');
  world.publish('order.paid');
  world.stream.last = { position: 5, id: 'event-5' };
  world.instance.contradicted(entryAt(4, { id: 'ghost' }));
  expect(world.seen.relay).toBe('rests');
  world.stream.answer();
  world.pass(10);
  expect([world.seen.begun, world.stream.asked]).toEqual([[{ from: 'first', past: 4 }], [3]]);
});

test('a contradiction ends with the next comparison when the database has the stream’s event', () => {
  const world = startOnStream();
  world.instance.contradicted(entryAt(3));
  world.stream.answer();
  world.pass(3_000);
  expect([world.seen.begun, world.seen.relay, world.stream.asked]).toEqual([[], 'leads', [3, 3]]);
});

test('a page that steps over an unknown gap is not taken, and makes the next heartbeat come at once', () => {
  const world = startAfter(2);
  world.pass(500);
  world.database.head = 1_000;
  world.database.gaps = [{ first: 3, last: 1_000 }];
  world.database.epoch = 'second';
  world.publish('order.paid');
  world.pass(20);
  expect([world.seen.epochs, world.instance.dispatcher.position]).toEqual([['first', 'second'], 1_001]);
});
