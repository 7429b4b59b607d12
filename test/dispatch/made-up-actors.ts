// Actors at made-up places, under a made-up lease.

import type { Lease } from '../../src/policy/shards.ts';
import { Actor } from '../../src/dispatch/actor.ts';
import type { Place } from '../../src/dispatch/cursor-state.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';

export const emptyPlace: Place = {
  generation: 1,
  resumes: 0,
  pauseReason: null,
  cursor: 0,
  previous: 0,
  settled: new Set(),
  retries: [],
  sideWaits: false,
  backlog: 0,
  backlogIsFloor: false,
  lastError: null,
};

export const aLease: Lease = { index: 0, epoch: 1 };

/** An actor that has loaded its place. */
export function startActor(endpoint: Endpoint, place: Partial<Place> = {}, lease = aLease, now = 0): Actor {
  const actor = new Actor(endpoint, compilePatterns(endpoint.events), lease);
  actor.load({ ...emptyPlace, ...place }, now);
  return actor;
}

/** Of a log without gaps. */
export const noGap = (position: number): number => position;
