import { expect, test } from 'vitest';
import { batch, nothing, start, startLeading } from './hand-driven-relay.ts';
import { relayMode } from './relay-modes.ts';

test('a leading relay numbers at once when it is woken, and goes on as long as it finds something', () => {
  const { relay, batches, appended, answer } = startLeading();
  expect(batches).toEqual([]);
  relay.wake();
  expect(batches).toHaveLength(1);
  answer(batch(1, 2));
  answer(batch(3, 1));
  answer();
  expect(batches).toEqual([]);
  expect(appended).toEqual([1, 2, 3]);
});

test('a leading relay looks by itself ten times a second', () => {
  const { batches, pass, answer } = startLeading();
  pass(99);
  expect(batches).toEqual([]);
  pass(1);
  expect(batches).toHaveLength(1);
  answer();
  pass(100);
  expect(batches).toHaveLength(1);
});

test('one batch is under way at a time, and a wake meanwhile makes the relay look again', () => {
  const { relay, batches, pass, answer } = startLeading();
  relay.wake();
  relay.wake();
  pass(5_000);
  expect(batches).toHaveLength(1);
  answer();
  expect(batches).toHaveLength(1);
  answer();
  expect(batches).toEqual([]);
});

test('a relay that stands by numbers what was committed here half a second later, once, and nothing by itself', () => {
  const { relay, batches, pass, answer } = start('stands by');
  answer();
  pass(60_000);
  expect(batches).toEqual([]);
  relay.wake();
  pass(300);
  relay.wake();
  pass(199);
  expect(batches).toEqual([]);
  pass(1);
  expect(batches).toHaveLength(1);
  answer();
  pass(60_000);
  expect(batches).toEqual([]);
});

test('a resting relay numbers nothing, and numbers what was committed meanwhile once it may', () => {
  const { relay, batches, pass, answer } = startLeading();
  relay.setMode(relayMode('rests'));
  relay.wake();
  pass(60_000);
  expect(batches).toEqual([]);
  relay.setMode(relayMode('stands by'));
  expect(batches).toHaveLength(1);
  answer();
  relay.setMode(relayMode('leads'));
  expect(batches).toHaveLength(1);
});

test('a batch that failed, or may have, is not appended, and is tried again after a while', () => {
  const { relay, batches, appended, pass, answer } = startLeading();
  relay.wake();
  answer(null);
  relay.wake();
  pass(499);
  expect([batches, appended]).toEqual([[], []]);
  pass(1);
  answer(batch(1, 1));
  expect(appended).toEqual([1]);
});

test('a batch that ends while the relay rests is reported all the same: it is committed', () => {
  const { relay, batches, reported, answer } = startLeading();
  relay.wake();
  relay.setMode(relayMode('rests'));
  answer(batch(1, 2));
  expect([batches, reported]).toEqual([[], [2]]);
});

test('the relay appends only to a compared stream; before, it reports each batch, which is read from the table', () => {
  const { relay, appended, reported, answer } = startLeading();
  relay.wake();
  relay.setMode(relayMode('leads', 'a server', false));
  answer(batch(1, 2));
  answer();
  relay.setMode(relayMode('leads'));
  relay.wake();
  answer(batch(3, 1));
  relay.setMode(relayMode('rests'));
  answer(batch(4, 1));
  expect([appended, reported]).toEqual([[3], [2, 3, 4]]);
});

test('a batch is numbered on the server of the mode under which it began', () => {
  const { relay, batches } = start('rests');
  relay.setMode(relayMode('leads', 'one'));
  relay.setMode(relayMode('leads', 'two'));
  relay.wake();
  expect(batches[0]!.server).toBe('one');
  batches[0]!.answer(nothing);
  expect(batches[0]!.server).toBe('two');
});

test('catching up numbers all that is committed, however many batches, and gives the log’s last position', () => {
  const { relay, batches, pass, answer } = startLeading();
  relay.wake();
  const found: (number | null)[] = [];
  relay.catchUp((position) => found.push(position));
  // The batch under way began before.
  answer(batch(1, 2));
  expect([found, batches[0]!.above]).toEqual([[], 0]);
  answer(batch(3, 2, { cut: true, highestSeq: 5 }));
  expect(found).toEqual([]);
  answer(batch(5, 1));
  expect(found).toEqual([5]);
  answer();
  pass(0);
  expect(batches).toEqual([]);
});

test.each([
  ['as fast as they are numbered', 2],
  ['a thousand times as fast', 2_000],
])('catching up ends although events come %s: it numbers what was there when it began', (_, pace) => {
  const { relay, answer } = startLeading();
  const found: (number | null)[] = [];
  relay.wake();
  // The batch under way began before.
  relay.catchUp((position) => found.push(position));
  answer(batch(1, 2, { cut: true, highestSeq: 4 }));
  for (let first = 3; found.length === 0 && first < 100; first += 2) {
    // One that begins later goes on to a later end.
    if (first === 11) relay.catchUp((position) => found.push(position));
    answer(batch(first, 2, { cut: true, highestSeq: 20 + (first - 3) * pace }));
  }
  expect(found).toEqual([20]);
});

test('catching up fails when a batch does, and at once while the relay rests or when it comes to rest', () => {
  const { relay, answer } = startLeading();
  const found: (number | null)[] = [];
  const catchUp = () => relay.catchUp((position) => found.push(position));
  catchUp();
  answer(null);
  expect(found).toEqual([null]);
  catchUp();
  relay.setMode(relayMode('rests'));
  expect(found).toEqual([null, null]);
  catchUp();
  expect(found).toEqual([null, null, null]);
});

test('a stopped relay begins no batch, and ends with the one under way', () => {
  const { relay, batches, appended, pass, answer } = startLeading();
  relay.wake();
  let over = false;
  const found: (number | null)[] = [];
  relay.catchUp((position) => found.push(position));
  relay.stop(() => (over = true));
  expect(over).toBe(false);
  answer(batch(1, 1));
  expect([over, found, appended]).toEqual([true, [null], [1]]);
  relay.wake();
  pass(60_000);
  expect(batches).toEqual([]);
});

test('a relay that is stopped while nothing is under way ends at once', () => {
  const { relay } = startLeading();
  let over = false;
  relay.stop(() => (over = true));
  expect(over).toBe(true);
});

test('it says for how long it gave no positions: since its tries fail, or since it rests', () => {
  const { relay, answer, pass } = startLeading();
  pass(1_000);
  answer();
  expect(relay.state()).toEqual({ is: 'leads', stuckMs: 0 });
  pass(1_000);
  answer(null);
  pass(500);
  answer(null);
  pass(200);
  expect(relay.state()).toEqual({ is: 'leads', stuckMs: 700 });
  relay.setMode(relayMode('rests'));
  pass(300);
  expect(relay.state()).toEqual({ is: 'rests', stuckMs: 300 });
  relay.setMode(relayMode('stands by'));
  expect(relay.state()).toEqual({ is: 'stands by', stuckMs: 0 });
});
