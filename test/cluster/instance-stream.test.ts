import { expect, test } from 'vitest';
import { entriesFrom, entryAt } from '../log/made-up-entries.ts';
import { startAfter } from './hand-driven-instance.ts';

/** One that has read three events, and reads the stream. */
function startOnStream() {
  const world = startAfter(3);
  world.stream.ready = true;
  world.stream.last = { position: 3, id: 'event-3' };
  world.pass(3_000);
  expect(world.stream.asked).toEqual([3]);
  return world;
}

type World = ReturnType<typeof startOnStream>;

/** Postgres has another stream now. */
function renew(world: World): void {
  world.database.stream = { number: world.database.stream.number + 1, secret: 'another' };
  world.stream.last = null;
}

/** Other instances gave positions up to this one. */
function numberElsewhere({ database }: World, head: number): void {
  database.log.push(...entriesFrom(database.head + 1, head - database.head));
  database.head = head;
}

test('once somebody else has written to the stream it is neither read nor appended to, and another one begins at the same position', () => {
  const world = startOnStream();
  world.instance.streamIsForeign();
  expect([world.seen.appends, world.seen.relay, world.seen.streamsBegun]).toEqual([false, 'leads', [1]]);
  expect(world.instance.streamProblem()).not.toBeNull();
  world.stream.answer();
  world.pass(500);
  expect(world.stream.asked).toEqual([3]);
  renew(world);
  world.pass(1_100);
  expect([world.seen.streams, world.seen.epochs, world.seen.begun]).toEqual([[1, 2], ['first'], []]);
  expect([world.stream.asked, world.seen.appends, world.instance.streamProblem()]).toEqual([[3, 3], true, null]);
});

test('while somebody goes on writing, at most one stream a second begins, and events come from Postgres', () => {
  const world = startOnStream();
  for (let round = 0; round < 100; round += 1) {
    world.instance.streamIsForeign();
    if (world.seen.streamsBegun.at(-1) === world.database.stream.number) renew(world);
    world.pass(100);
  }
  expect(world.seen.streamsBegun.length).toBeLessThanOrEqual(11);
  world.publish('order.paid');
  world.stream.answer();
  world.pass(2_000);
  expect(world.out.map(({ turn }) => turn.events)).toMatchObject([[{ position: 4 }]]);
});

test('a stream that could not be begun is asked for again', () => {
  const world = startOnStream();
  world.holding.add('beginStream');
  world.instance.streamIsForeign();
  world.pass(3_500);
  expect(world.seen.streamsBegun.length).toBeGreaterThan(1);
});

test('a last entry that does not verify is not learned, and the stream is not used', () => {
  const world = startAfter(3);
  world.stream.lastIsForeign = true;
  world.stream.ready = true;
  world.pass(3_000);
  expect([world.stream.asked, world.seen.begun, world.seen.relay]).toEqual([[], [], 'leads']);
});

test('a batch that ends above the known head is taken once Postgres has it, without a heartbeat', () => {
  const world = startOnStream();
  world.holding.add('heartbeat');
  numberElsewhere(world, 5);
  world.stream.answer([entriesFrom(4, 2)]);
  expect(world.instance.dispatcher.position).toBe(3);
  world.pass(5);
  expect([world.instance.dispatcher.position, world.seen.headsRead]).toEqual([5, 1]);
});

test('a batch that ends above the head in Postgres means a lost end, and nothing of it is sent', () => {
  const world = startOnStream();
  world.stream.answer([[entryAt(4, { id: 'ghost' })]]);
  world.pass(1_100);
  expect(world.seen.begun[0]).toEqual({ from: 'first', past: 4 });
  expect([world.out, world.instance.dispatcher.position]).toEqual([[], 3]);
});

test('no position moves the log’s end by more than a loss explains, though its entry verifies', () => {
  const world = startOnStream();
  const absurd = entryAt(2 ** 53 - 1, { id: 'absurd' });
  world.stream.answer([[absurd]]);
  world.pass(500);
  expect([world.seen.begun, world.seen.streamsBegun, world.seen.relay]).toEqual([[], [1], 'leads']);
  renew(world);
  world.pass(2_200);
  expect([world.stream.asked, world.seen.appends]).toEqual([[3, 3], true]);
});
