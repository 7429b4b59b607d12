// What crosses the thread boundary: a turn goes to the thread, a report comes back. Plain values only.

import type { DeliveryOrigin } from '../model/webhook-delivery.ts';
import type { FailurePause } from '../policy/retry.ts';
import type { Lease } from '../policy/shards.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';

/** Most turns that run at once: a bound on the shared control memory. */
export const maxSlots = 16_384;

export type TurnEvent = {
  id: string;
  type: string;
  subject: string | null;
  payload: string;
  position: number;
  /** Position of this endpoint's event before this one; null for a test or replay. */
  previous: number | null;
  /** W3C trace context that it was recorded in, or null. */
  traceparent: string | null;
};

export type Turn = {
  /** Index of this turn's words in the shared control memory. */
  slot: number;
  /** The lease under which it is sent: only while the epochs are equal and the lease is trusted. */
  lease: Lease;
  endpoint: EndpointDelivery;
  /** Version of the configuration that has the endpoint so. */
  configuration: number;
  generation: number;
  /** How often the endpoint had been resumed when the turn began. */
  resumes: number;
  origin: DeliveryOrigin;
  /** Id of the replay that is sent; null in the line. */
  replayId: string | null;
  /** Attempts already made of the first event. */
  attemptsBefore: number;
  events: readonly TurnEvent[];
};

/** What comes back from a turn: its report, and how long each of its attempts took, in their order. */
export type EndedTurn = { report: TurnReport; latenciesMs: readonly number[] };

/** How a turn ended. `lost`: it did not come back, with the index of the event that was on the wire, if any. */
export type TurnOutcome = EndedTurn | { lost: { current: number | null } };

/**
 * What the actor is told of a turn that was lost. `recorded`: the event that was on the wire has spent an attempt, which is
 * durable. `unsent`: nothing was on the wire, so the same turn may be lost again at once.
 */
export type LostTurn = 'recorded' | 'unsent';

/** The result of a turn, once every attempt it made is durable. */
export type TurnReport = {
  /** How many events, from the first, are settled: delivered or given up. */
  settled: number;
  /** The failure that ended the turn, if one did. */
  failure: TurnFailure | null;
};

export type TurnFailure = {
  /** `failed` settles its event, which `settled` counts; after `retrying` the event stays the head. */
  status: 'retrying' | 'failed';
  /** The attempt's number, from 1. */
  attempt: number;
  waitMs: number;
  /** The endpoint is now paused, durably, and the event stays the head. */
  pause: FailurePause | null;
};
