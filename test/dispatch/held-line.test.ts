import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { emptyCursor, noGap, startActor } from './made-up-actors.ts';

/** An actor whose first event, of two, has just had its last attempt. */
function startHeld() {
  const actor = startActor(makeEndpoint({ onExhausted: 'hold' }), { backlog: 2 });
  actor.takePage(entriesFrom(1, 2), 2, noGap);
  actor.begin({ kind: 'line' }, 0, 1);
  const failure = { status: 'retrying', attempt: 6, waitMs: 0, pause: 'exhausted' } as const;
  const goesOn = actor.finish({ settled: 0, failure }, 0);
  return { actor, goesOn };
}

test('an actor whose line is held sends nothing before its cursor is loaded, and nothing while that says so', () => {
  const { actor, goesOn } = startHeld();
  expect({ goesOn, choice: actor.choose(1_000_000) }).toEqual({ goesOn: false, choice: null });
  actor.load({ ...emptyCursor, pauseReason: 'exhausted', backlog: 2 }, 2, 0);
  expect({ reason: actor.stored.pauseReason, choice: actor.choose(1_000_000) }).toEqual({
    reason: 'exhausted',
    choice: null,
  });
});

test('where a former owner had settled the event, nothing is held: the line goes on behind it', () => {
  const { actor } = startHeld();
  actor.load({ ...emptyCursor, settled: new Set([1]), backlog: 1 }, 2, 0);
  actor.takePage(entriesFrom(1, 2), 2, noGap);
  expect(actor.choose(0)).toEqual({ kind: 'line' });
  expect(actor.begin({ kind: 'line' }, 0, 1).events.map(({ position }) => position)).toEqual([2]);
});
