// Actors at made-up cursors, under a made-up lease.

import type { Lease } from '../../src/policy/shards.ts';
import { Actor } from '../../src/dispatch/actor.ts';
import { createWindowBudget } from '../../src/dispatch/window-budget.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';

export const emptyCursor: CursorState = {
  generation: 1,
  resumes: 0,
  pauseReason: null,
  position: 0,
  previous: 0,
  settled: new Set(),
  retries: [],
  hasReplays: false,
  backlog: 0,
  backlogIsLowerBound: false,
  countedTo: 0,
  health: {
    ...{ failing: false, changes: 0, failedMs: null, isStored: false, wasDelivered: false },
    failedBefore: new Map(),
  },
};

export const aLease: Lease = { index: 0, epoch: 1 };

/** An actor that has loaded its cursor. */
export function startActor(endpoint: Endpoint, cursor: Partial<CursorState> = {}, lease = aLease, now = 0): Actor {
  const actor = new Actor(endpoint, compilePatterns(endpoint.events), lease, createWindowBudget(2 ** 26));
  actor.load({ ...emptyCursor, ...cursor }, 0, now);
  return actor;
}

/** Of a log without gaps. */
export const noGap = (position: number): number => position;
