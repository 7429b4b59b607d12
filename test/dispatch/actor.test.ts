import { expect, test } from 'vitest';
import { Actor } from '../../src/dispatch/actor.ts';
import { createWindowBudget } from '../../src/dispatch/window-budget.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import type { StoredReplay } from '../../src/dispatch/replay-window.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { TurnReport } from '../../src/worker/turn.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { emptyCursor, noGap, startActor } from './made-up-actors.ts';
import { replayAt } from './made-up-replays.ts';

const start = (cursor: Partial<CursorState> = {}, given: Partial<Endpoint> = {}) =>
  startActor(makeEndpoint(given), cursor);

/** A live actor that waits at the head of a log of `events`, all in its window. */
function startLive(events: number, given: Partial<Endpoint> = {}): Actor {
  const actor = start({ backlog: events }, given);
  actor.takePage(entriesFrom(1, events), events, noGap);
  return actor;
}

function begin(actor: Actor, now: number, slot = 0) {
  const choice = actor.choose(now);
  if (choice === null || choice.kind === 'wait') throw new Error(`nothing to begin: ${JSON.stringify(choice)}`);
  return actor.begin(choice, slot, 1);
}

const failed = (failure: Partial<TurnReport['failure']> & object, settled = 0): TurnReport => ({
  settled,
  failure: { status: 'retrying', attempt: 1, waitMs: 1_000, pause: null, ...failure },
});

/** Has the actor read what is stored beside its line. */
function read(actor: Actor, ...items: StoredReplay[]): void {
  actor.replayStored();
  actor.askReplays().take(items, 0);
}

const positions = (turn: { events: readonly { position: number }[] }) => turn.events.map(({ position }) => position);

test('a turn has the first events in their order, at most 64, each with the position of the one before', () => {
  const actor = startLive(200);
  const sent: unknown[] = [];
  const sizes: number[] = [];
  while (sent.length < 200) {
    const { events } = begin(actor, 0);
    sent.push(...events.map(({ position, previous }) => [position, previous]));
    sizes.push(events.length);
    actor.finish({ settled: events.length, failure: null }, 0);
  }
  expect(sent).toEqual(Array.from({ length: 200 }, (_, index) => [index + 1, index]));
  expect(Math.max(...sizes)).toBe(64);
});

test('a failed event waits for its retry, is then the first of its turn, and counts its attempts on', () => {
  const actor = startLive(5);
  begin(actor, 0);
  actor.finish(failed({ attempt: 1, waitMs: 1_000 }, 2), 100);
  expect(actor.choose(1_099)).toEqual({ kind: 'wait', at: 1_100 });
  const turn = begin(actor, 1_100);
  expect({ first: positions(turn)[0], before: turn.attemptsBefore }).toEqual({ first: 3, before: 1 });
  actor.finish(failed({ attempt: 2, waitMs: 5 }), 2_000);
  expect(begin(actor, 2_005).attemptsBefore).toBe(2);
});

test('a turn that was stopped before it sent anything changes no attempt and no wait', () => {
  const actor = start({ retries: [{ position: 1, attempts: 4, waitMs: 500 }] });
  actor.takePage(entriesFrom(1, 2), 2, noGap);
  expect(actor.choose(0)).toEqual({ kind: 'wait', at: 500 });
  begin(actor, 500);
  actor.finish({ settled: 0, failure: null }, 510);
  expect(begin(actor, 510).attemptsBefore).toBe(4);
});

test('after the last failure the next event is due at once, from its first attempt', () => {
  const actor = startLive(3);
  begin(actor, 0);
  actor.finish(failed({ status: 'failed', waitMs: 0, attempt: 6 }, 1), 0);
  const turn = begin(actor, 0);
  expect({ positions: positions(turn), before: turn.attemptsBefore }).toEqual({ positions: [2, 3], before: 0 });
});

test('a 410 pauses: nothing begins until a resume is loaded, and then attempts are counted anew', () => {
  const actor = startLive(2);
  begin(actor, 0);
  actor.finish(failed({ pause: 'gone', attempt: 3, waitMs: 0 }), 0);
  expect(actor.stored.pauseReason).toBe('gone');
  expect(actor.choose(1_000_000)).toBeNull();
  expect(actor.reload()).toBe(true);
  actor.load({ ...emptyCursor, resumes: 1 }, 0, 1_000_000);
  actor.takePage(entriesFrom(1, 2), 2, noGap);
  const turn = begin(actor, 1_000_000);
  expect({ before: turn.attemptsBefore, resumes: turn.resumes, first: positions(turn)[0] }).toEqual({
    before: 0,
    resumes: 1,
    first: 1,
  });
});

test('an actor that is loaded as paused begins nothing, reads nothing and keeps the reason', () => {
  const actor = start({ pauseReason: 'gone', hasReplays: true });
  expect(actor.stored.pauseReason).toBe('gone');
  expect([actor.wantsPage(), actor.wantsReplays()]).toEqual([false, false]);
  actor.take(entriesFrom(1, 1)[0]!);
  expect(actor.choose(1_000_000)).toBeNull();
});

test('a retiring actor begins nothing, whatever is due', () => {
  const actor = startLive(2);
  read(actor, replayAt(9));
  actor.retire();
  expect(actor.choose(1_000_000)).toBeNull();
});

test('a test is sent while the line waits for a retry, and then line and tests alternate', () => {
  const actor = startLive(3);
  begin(actor, 0);
  actor.finish(failed({ waitMs: 60_000 }), 0);
  read(actor, replayAt(10), replayAt(11));
  const first = begin(actor, 0);
  expect({ origin: first.origin, events: first.events.map(({ position, previous }) => [position, previous]) }).toEqual({
    origin: 'test',
    events: [[10, null]],
  });
  actor.finish({ settled: 1, failure: null }, 60_000);
  expect(positions(begin(actor, 60_000))).toEqual([1, 2, 3]);
  actor.finish(failed({ status: 'failed', waitMs: 0 }, 1), 60_000);
  expect(positions(begin(actor, 60_000))).toEqual([11]);
  actor.finish({ settled: 1, failure: null }, 60_000);
  expect(positions(begin(actor, 60_000))).toEqual([2, 3]);
});

test('a replay retries on its own time, and the line goes on meanwhile', () => {
  const actor = startLive(1);
  read(actor, replayAt(9, { origin: 'replay' }));
  expect(begin(actor, 0)).toMatchObject({ origin: 'replay', replayId: 'replay-9' });
  actor.finish(failed({ waitMs: 700 }), 0);
  expect(begin(actor, 0).origin).toBe('line');
  actor.finish({ settled: 1, failure: null }, 0);
  expect(actor.choose(0)).toEqual({ kind: 'wait', at: 700 });
  expect(begin(actor, 700).attemptsBefore).toBe(1);
});

test('a replay whose retries are spent is not sent again, and one that a turn did not come to is', () => {
  const actor = startLive(0);
  read(actor, replayAt(9, { attempts: 5 }));
  begin(actor, 0);
  actor.finish({ settled: 0, failure: null }, 0);
  expect(begin(actor, 0).attemptsBefore).toBe(5);
  actor.finish(failed({ status: 'failed', attempt: 6, waitMs: 0 }, 1), 0);
  expect(actor.choose(1_000_000)).toBeNull();
});

test('a paused endpoint reads no replays, and after a resume those that it knew are read anew, with their attempts', () => {
  const actor = startLive(0);
  read(actor, replayAt(9, { attempts: 3, waitMs: 60_000 }));
  actor.reload();
  actor.load({ ...emptyCursor, pauseReason: 'admin', hasReplays: true }, 0, 5);
  expect(actor.wantsReplays()).toBe(false);
  expect(actor.choose(1_000_000)).toBeNull();
  actor.reload();
  actor.load({ ...emptyCursor, resumes: 1, hasReplays: true }, 0, 10);
  expect(actor.wantsReplays()).toBe(true);
  expect(actor.choose(1_000_000)).toBeNull();
  read(actor, replayAt(9));
  expect(begin(actor, 10)).toMatchObject({ attemptsBefore: 0, resumes: 1, replayId: 'replay-9' });
});

test('every turn carries the lease under which its actor began', () => {
  const actor = startActor(makeEndpoint(), {}, { index: 17, epoch: 4 });
  actor.takePage(entriesFrom(1, 1), 1, noGap);
  expect(begin(actor, 0).lease).toEqual({ index: 17, epoch: 4 });
});

test('an actor sends nothing and reads nothing before its cursor is loaded', () => {
  const actor = new Actor(makeEndpoint(), () => true, { index: 0, epoch: 1 }, createWindowBudget(2 ** 26));
  actor.replayStored();
  expect(actor.choose(1_000_000)).toBeNull();
  expect([actor.wantsPage(), actor.wantsReplays(), actor.backlog.isLowerBound]).toEqual([false, false, true]);
});

test('a full mailbox makes an actor lag, and pages make it live again without a gap or a repeat', () => {
  const actor = startLive(0);
  const log = entriesFrom(1, 1_000);
  for (const entry of log) actor.take(entry);
  expect(actor.reading).toBe('lagging');
  const sent: number[] = [];
  while (sent.length < 1_000) {
    if (actor.wantsPage()) actor.takePage(log.slice(actor.examined, actor.examined + 100), 1_000, noGap);
    const turn = begin(actor, 0);
    sent.push(...positions(turn));
    actor.finish({ settled: turn.events.length, failure: null }, 0);
  }
  expect(sent).toEqual(log.map(({ position }) => position));
  expect(actor.reading).toBe('live');
  expect(actor.cursor(1_000)).toEqual({ position: 1_000, previous: 1_000 });
});

test('the cursor is before the first event not settled, with the position of the one before for this endpoint', () => {
  const actor = start({}, { events: ['user.*'] });
  actor.takePage(
    entriesFrom(1, 9).map((entry) => (entry.position % 3 === 0 ? { ...entry, type: 'user.login' } : entry)),
    9,
    noGap,
  );
  expect(actor.cursor(9)).toEqual({ position: 2, previous: 0 });
  begin(actor, 0);
  actor.finish({ settled: 2, failure: null }, 0);
  expect(actor.cursor(9)).toEqual({ position: 8, previous: 6 });
  begin(actor, 0);
  actor.finish({ settled: 1, failure: null }, 0);
  expect(actor.cursor(12)).toEqual({ position: 12, previous: 9 });
});

test('a changed filter holds for all events that wait, which are read again from the first one not settled', () => {
  const log = entriesFrom(1, 6).map((entry) => (entry.position % 2 === 0 ? { ...entry, type: 'user.login' } : entry));
  const actor = start();
  actor.takePage(log, 6, noGap);
  begin(actor, 0);
  const narrowed = makeEndpoint({ events: ['user.*'] });
  actor.configure(narrowed, compilePatterns(narrowed.events));
  actor.finish({ settled: 2, failure: null }, 0);
  expect(actor.wantsPage()).toBe(true);
  actor.takePage(log.slice(actor.examined), 6, noGap);
  expect(begin(actor, 0).events.map(({ position, previous }) => [position, previous])).toEqual([
    [4, 2],
    [6, 4],
  ]);
});

test('an event that is settled above the cursor is not sent again when the filter changes', () => {
  const log = entriesFrom(1, 4);
  const actor = start({ settled: new Set([2, 3]) });
  actor.takePage(log, 4, noGap);
  begin(actor, 0);
  const widened = makeEndpoint({ events: ['order.*', 'user.*'] });
  actor.configure(widened, compilePatterns(widened.events));
  actor.finish({ settled: 0, failure: null }, 0);
  expect(actor.isSkipping(4)).toBe(true);
  actor.takePage(log, 4, noGap);
  expect(begin(actor, 0).events.map(({ position, previous }) => [position, previous])).toEqual([
    [1, 0],
    [4, 3],
  ]);
  expect(actor.isSkipping(4)).toBe(false);
});

test('after a changed filter the backlog needs a new count, and what a turn settles meanwhile is not missing from it', () => {
  const actor = startLive(5);
  begin(actor, 0);
  const changed = makeEndpoint({ events: ['user.*'] });
  actor.configure(changed, compilePatterns(changed.events));
  actor.finish({ settled: 5, failure: null }, 0);
  expect(actor.backlog.isLowerBound).toBe(true);
  expect(actor.backlog.count).toBeGreaterThanOrEqual(0);
});

test('a changed URL or secret changes the next turn, not what is in the mailbox', () => {
  const actor = startLive(2);
  const changed = makeEndpoint({ url: 'https://new.example.com/', maxRetries: 1 });
  actor.configure(changed, compilePatterns(changed.events));
  const turn = begin(actor, 0);
  expect(turn.endpoint).toMatchObject({ url: 'https://new.example.com/', maxRetries: 1 });
  expect(positions(turn)).toEqual([1, 2]);
});

test('a thread gets of an endpoint only what it needs to send', () => {
  const needed = 'id url headers tls signing secrets timeoutMs maxRetries baseDelayMs maxDelayMs onExhausted';
  const turn = begin(startLive(1), 0);
  expect(Object.keys(turn.endpoint).toSorted()).toEqual(needed.split(' ').toSorted());
});

test('a retry keeps its attempts and its wait when a lost thread left no rows of those before it, and begins a turn', () => {
  const actor = start({ retries: [{ position: 3, attempts: 1, waitMs: 500 }] });
  actor.takePage(entriesFrom(1, 5), 5, noGap);
  const first = begin(actor, 0);
  expect({ positions: positions(first), before: first.attemptsBefore }).toEqual({ positions: [1, 2], before: 0 });
  actor.finish({ settled: 2, failure: null }, 100);
  expect(actor.choose(499)).toEqual({ kind: 'wait', at: 500 });
  const next = begin(actor, 500);
  expect({ positions: positions(next), before: next.attemptsBefore }).toEqual({ positions: [3, 4, 5], before: 1 });
});

test('a retry keeps its attempts when an event before it fails', () => {
  const actor = start({ retries: [{ position: 3, attempts: 2, waitMs: 0 }] });
  actor.takePage(entriesFrom(1, 5), 5, noGap);
  begin(actor, 0);
  actor.finish(failed({ waitMs: 10 }, 1), 0);
  expect(begin(actor, 10)).toMatchObject({ attemptsBefore: 1, events: [{ position: 2 }] });
  actor.finish({ settled: 1, failure: null }, 20);
  const next = begin(actor, 20);
  expect({ positions: positions(next), before: next.attemptsBefore }).toEqual({ positions: [3, 4, 5], before: 2 });
});
