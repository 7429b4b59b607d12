import { expect, test } from 'vitest';
import { createReplayWindow } from '../../src/dispatch/replay-window.ts';
import { createWindowBudget } from '../../src/dispatch/window-budget.ts';
import { replayAt } from './made-up-replays.ts';

const items = (first: number, count: number) => Array.from({ length: count }, (_, index) => replayAt(first + index));

/** A list that knows that something is stored. */
function startList() {
  const list = createReplayWindow(createWindowBudget(2 ** 26));
  list.reset(true);
  return list;
}

test('nothing is read as long as nothing is stored, and one question is open at a time', () => {
  const list = createReplayWindow(createWindowBudget(2 ** 26));
  expect(list.wantsMore).toBe(false);
  list.wake();
  expect(list.wantsMore).toBe(true);
  const { take } = list.ask();
  list.wake();
  expect(list.wantsMore).toBe(false);
  take([], 0);
  // What was added during the read may have come after its look.
  expect(list.wantsMore).toBe(true);
  list.ask().take([], 0);
  expect(list.wantsMore).toBe(false);
});

test('of any number of stored replays at most 256 are in memory, and all are sent in their order', () => {
  const stored = items(1, 1_000);
  const list = startList();
  const sent: number[] = [];
  let most = 0;
  for (let step = 0; step < 2_000 && sent.length < 1_000; step += 1) {
    if (list.wantsMore) {
      const { question, take } = list.ask();
      const unknown = stored.filter(({ id }) => !question.known.includes(id));
      most = Math.max(most, question.known.length + question.most.replays);
      take(unknown.slice(0, question.most.replays), 0);
    }
    const next = list.next()!;
    sent.push(next.event.position);
    list.remove(next);
    stored.splice(
      stored.findIndex(({ id }) => id === next.id),
      1,
    );
  }
  expect(sent).toEqual(items(1, 1_000).map(({ event }) => event.position));
  expect(most).toBe(256);
});

test('large payloads fill a replay window, which reads on when there is room for one again', () => {
  const list = startList();
  const large = replayAt(1, { event: { ...replayAt(1).event, payload: 'x'.repeat(256 * 1024) } });
  list.ask().take([large], 0);
  expect(list.wantsMore).toBe(false);
  list.remove(list.next()!);
  expect(list.wantsMore).toBe(true);
  expect(list.ask().question.most.bytes).toBe(256 * 1024);
});

test('a failed read of replays is wanted again', () => {
  const list = startList();
  list.ask().take(null, 0);
  expect(list.wantsMore).toBe(true);
});

test('the test or replay that is due first is next, whatever the order of the others', () => {
  const list = startList();
  list.ask().take(
    [50, 20, 20].map((waitMs, index) => replayAt(index + 1, { attempts: 1, waitMs })),
    1_000,
  );
  expect(list.next()).toMatchObject({ id: 'replay-2', notBefore: 1_020 });
  list.remove(list.next()!);
  list.remove(list.next()!);
  expect(list.next()).toMatchObject({ id: 'replay-1', notBefore: 1_050 });
});

const replays = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => replayAt(first + index, { origin: 'replay' }));

test('a test is next at once, behind no replay; tried once, it waits as they do', () => {
  const list = startList();
  list.ask().take([...replays(1, 3), replayAt(9), replayAt(8, { attempts: 1, waitMs: 50 })], 1_000);
  expect(list.next()).toMatchObject({ id: 'replay-9' });
  list.remove(list.next()!);
  for (const id of ['replay-1', 'replay-2', 'replay-3', 'replay-8']) {
    expect(list.next()).toMatchObject({ id });
    list.remove(list.next()!);
  }
});

test.each([
  ['of as many replays as it holds', 256, 'x'],
  ['of more than it reads on with', 100, 'x'],
  ['of large payloads', 2, 'x'.repeat(40_000_000)],
])('what is new is read into a window that is full %s, since it may be a test', (_, count, payload) => {
  const list = startList();
  const large = replays(1, count).map((one) => ({ ...one, waitMs: 60_000, event: { ...one.event, payload } }));
  list.ask().take(large, 0);
  expect(list.wantsMore).toBe(false);
  list.wake();
  expect(list.wantsMore).toBe(true);
  const { question, take } = list.ask();
  expect(question.most.replays).toBeGreaterThan(0);
  expect(question.most.bytes).toBeGreaterThan(0);
  take([replayAt(999)], 0);
  expect(list.next()).toMatchObject({ id: 'replay-999' });
  expect(list.wantsMore).toBe(false);
  // However often it is told of something new.
  for (let told = 0; told < 100; told += 1) {
    list.wake();
    if (list.wantsMore) list.ask().take(replays(1_000 + told, 1), 0);
  }
  expect(list.ask().question.known.length).toBeLessThan(300);
});

test('an answer to a question from before a reset is not taken: its replays may be over by now', () => {
  const list = startList();
  const before = list.ask();
  list.reset(true);
  const after = list.ask();
  after.take([replayAt(1)], 0);
  list.remove(list.next()!);
  before.take([replayAt(1)], 0);
  expect(list.next()).toBeUndefined();
});

test('a replay that is added while the cursor is read is read, though the cursor knows nothing of it', () => {
  const list = createReplayWindow(createWindowBudget(2 ** 26));
  list.wake();
  list.reset(false);
  expect(list.wantsMore).toBe(true);
});
