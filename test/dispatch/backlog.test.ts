import { expect, test } from 'vitest';
import type { Actor } from '../../src/dispatch/actor.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import { entriesFrom, entryAt } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { emptyCursor, noGap, startActor } from './made-up-actors.ts';

const settleAll = { settled: 16, failure: null };

/** Puts a filter in force that nobody has counted with. */
function refilter(actor: Actor, ...events: string[]): void {
  actor.configure(makeEndpoint({ events }), compilePatterns(events));
}

test('what the last owner counted beyond this dispatcher is not counted again while the endpoint lags', () => {
  const world = driveDispatcher();
  for (let n = 1; n <= 2; n += 1) world.publish('a.a');
  world.serve(makeEndpoint(), { ...emptyCursor, backlog: 4, countedTo: 4, pauseReason: 'admin' });
  const actor = world.dispatcher.actor('crm')!;
  expect(actor.reading).toBe('lagging');
  for (let n = 3; n <= 5; n += 1) world.publish('a.a');
  expect(actor.backlog).toMatchObject({ count: 5, isLowerBound: false });
  expect(actor.storedBacklog(5)).toEqual({ examined: 5, backlog: 5 });
});

test('a backlog is stored with the position up to which its last owner counted, until the dispatcher is there', () => {
  const actor = startActor(makeEndpoint(), { backlog: 4, countedTo: 4 });
  expect(actor.storedBacklog(2)).toEqual({ examined: 4, backlog: 4 });
  expect(actor.storedBacklog(7)).toEqual({ examined: 7, backlog: 4 });
});

test('a wrong stored number is gone as soon as the endpoint is live: its backlog is what its mailbox holds', () => {
  const actor = startActor(makeEndpoint(), { backlog: 37 });
  actor.takePage(entriesFrom(1, 3), 3, noGap);
  expect(actor.backlog).toEqual({ count: 3, isLowerBound: false });
  const choice = actor.choose(0);
  if (choice?.kind !== 'line') throw new Error('it has nothing to send');
  actor.begin(choice, 0, 1);
  actor.finish({ settled: 3, failure: null }, 0);
  expect(actor.storedBacklog(3)).toEqual({ examined: 3, backlog: 0 });
});

test('a full mailbox begins the count with what it holds and what it had no room for', () => {
  const actor = startActor(makeEndpoint());
  actor.takePage([], 0, noGap);
  for (const entry of entriesFrom(1, 300)) actor.take(entry);
  expect(actor.reading).toBe('lagging');
  expect(actor.backlog).toMatchObject({ count: 300, isLowerBound: false });
  actor.begin({ kind: 'line' }, 0, 1);
  actor.finish(settleAll, 0);
  expect(actor.backlog.count).toBe(284);
});

test('what a page brought before the dispatcher read it is counted once, also when it is given back', () => {
  const actor = startActor(makeEndpoint());
  actor.takePage(entriesFrom(1, 3), 1, noGap);
  actor.begin({ kind: 'line' }, 0, 1);
  actor.finish({ settled: 0, failure: { status: 'retrying', attempt: 1, waitMs: 1_000, pause: null } }, 0);
  actor.giveBack(1, 0);
  expect(actor.storedBacklog(1)).toEqual({ examined: 3, backlog: 3 });
  for (const entry of entriesFrom(2, 3)) actor.take(entry);
  expect(actor.backlog.count).toBe(4);
  expect(actor.storedBacklog(4)).toEqual({ examined: 4, backlog: 4 });
});

test('of the events during a load only those that the cursor did not count are added, and in doubt all are counted again', () => {
  const loadedWith = (countedTo: number, settled: number[] = []) => {
    const actor = startActor(makeEndpoint(), { position: 2 });
    actor.reload();
    actor.loadBegins(3);
    for (const entry of entriesFrom(4, 3)) actor.take(entry);
    actor.load({ ...emptyCursor, position: 2, backlog: 4, countedTo, settled: new Set(settled) }, 6, 0);
    return actor;
  };
  expect(loadedWith(3).backlog).toMatchObject({ count: 7, isLowerBound: false });
  expect(loadedWith(6).backlog).toMatchObject({ count: 4, isLowerBound: false });
  expect(loadedWith(5).recount(6)).toMatchObject({ after: 2, upTo: 6 });
  expect(loadedWith(3, [5]).backlog.isLowerBound).toBe(true);
});

test('a settled event above the cursor is not in the backlog but in the stored number, whose reader subtracts its row', () => {
  const actor = startActor(makeEndpoint(), { settled: new Set([2, 3]) });
  actor.takePage(entriesFrom(1, 4), 4, noGap);
  expect(actor.backlog.count).toBe(2);
  expect(actor.storedBacklog(4)).toEqual({ examined: 4, backlog: 4 });
});

test('an event that is settled above the dispatcher is not counted when it comes to a lagging endpoint', () => {
  const actor = startActor(makeEndpoint(), { backlog: 1, settled: new Set([2]) });
  for (const entry of entriesFrom(2, 2)) actor.take(entry);
  expect(actor.backlog.count).toBe(2);
});

test('after a changed filter the backlog is counted again, and stored as not counted until then', () => {
  const actor = startActor(makeEndpoint());
  actor.takePage(entriesFrom(1, 40), 40, noGap);
  actor.begin({ kind: 'line' }, 0, 1);
  refilter(actor, 'user.*');
  // What the mailbox holds, the old filter asked for.
  expect(actor.storedBacklog(40)).toEqual({ examined: 0, backlog: 0 });
  expect(actor.recount(40)).toBeNull();
  actor.finish({ settled: 10, failure: null }, 0);
  expect(actor.storedBacklog(40)).toEqual({ examined: 10, backlog: 0 });
  const { after, upTo, take } = actor.recount(40)!;
  expect({ after, upTo }).toEqual({ after: 10, upTo: 40 });
  actor.take(entryAt(41, { type: 'user.login' }));
  take({ count: 5, isLowerBound: false });
  expect(actor.backlog).toMatchObject({ count: 6, isLowerBound: false });
  expect(actor.storedBacklog(41)).toEqual({ examined: 41, backlog: 6 });
  expect(actor.recount(41)).toBeNull();
});

test('a backlog beyond what Postgres counts is stored as far as it is known, so no query reads on from the cursor', () => {
  const actor = startActor(makeEndpoint(), { backlogIsLowerBound: true });
  expect(actor.storedBacklog(2_000_000)).toEqual({ examined: 0, backlog: 0 });
  actor.recount(2_000_000)!.take({ count: 7, isLowerBound: true });
  expect(actor.storedBacklog(2_000_000)).toEqual({ examined: 2_000_000, backlog: 7 });
  expect(actor.recount(2_000_000)).not.toBeNull();
});

test('a count that was begun for another filter, or before another load, is not taken', () => {
  const actor = startActor(makeEndpoint(), { backlog: 1, backlogIsLowerBound: true });
  const { take } = actor.recount(9)!;
  refilter(actor, 'user.*');
  take({ count: 5, isLowerBound: false });
  expect(actor.backlog).toMatchObject({ count: 0, isLowerBound: true });
});

test('a recount subtracts the settled events above the cursor', () => {
  const actor = startActor(makeEndpoint(), { backlogIsLowerBound: true, settled: new Set([2]) });
  // As long as some are not skipped yet, nobody knows how many of them to subtract.
  expect(actor.recount(9)).toBeNull();
  actor.takePage(entriesFrom(1, 4), 9, noGap);
  actor.recount(9)!.take({ count: 9, isLowerBound: false });
  expect(actor.backlog.count).toBe(8);
});
