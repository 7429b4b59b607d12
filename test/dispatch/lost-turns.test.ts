// What an actor does when a turn is lost with its thread.

import { expect, test } from 'vitest';
import type { Actor } from '../../src/dispatch/actor.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { emptyCursor, noGap, startActor } from './made-up-actors.ts';

function start(cursor: Partial<CursorState>, events: number): Actor {
  const actor = startActor(makeEndpoint({}), cursor);
  actor.takePage(entriesFrom(1, events), events, noGap);
  return actor;
}

function begin(actor: Actor, now: number): { positions: number[]; attemptsBefore: number } {
  const choice = actor.choose(now);
  if (choice === null || choice.kind === 'wait') throw new Error(`nothing to begin: ${JSON.stringify(choice)}`);
  const { events, attemptsBefore } = actor.begin(choice, 0);
  return { positions: events.map(({ position }) => position), attemptsBefore };
}

test('a lost turn leaves nothing to begin until the rows were read again', () => {
  const actor = start({}, 3);
  begin(actor, 0);
  actor.lose();
  expect(actor.choose(1_000_000)).toBeNull();
  expect(actor.wantsPage()).toBe(false);
  actor.load({ ...emptyCursor, settled: new Set([1]), retries: [{ position: 2, attempts: 1, waitMs: 30 }] }, 100);
  expect(actor.wantsPage()).toBe(true);
  actor.takePage(entriesFrom(1, 3), 3, noGap);
  expect(actor.choose(100)).toEqual({ kind: 'wait', at: 130 });
  expect(begin(actor, 130).attemptsBefore).toBe(1);
});

test('an event whose thread was lost with rows of those before it counts its attempts on, after its wait, in a turn that it begins', () => {
  const actor = start({ retries: [{ position: 3, attempts: 1, waitMs: 500 }] }, 5);
  expect(begin(actor, 0)).toEqual({ positions: [1, 2], attemptsBefore: 0 });
  actor.finish({ settled: 2, failure: null }, 100);
  expect(actor.choose(499)).toEqual({ kind: 'wait', at: 500 });
  expect(begin(actor, 500)).toEqual({ positions: [3, 4, 5], attemptsBefore: 1 });
});

test('its attempts are not forgotten when one of those before it fails', () => {
  const actor = start({ retries: [{ position: 3, attempts: 2, waitMs: 0 }] }, 5);
  begin(actor, 0);
  const failure = { status: 'retrying', attempt: 1, waitMs: 10, message: 'HTTP 503', gone: false } as const;
  actor.finish({ settled: 1, failure }, 0);
  expect(begin(actor, 10)).toEqual({ positions: [2], attemptsBefore: 1 });
  actor.finish({ settled: 1, failure: null }, 20);
  expect(begin(actor, 20)).toEqual({ positions: [3, 4, 5], attemptsBefore: 2 });
});
