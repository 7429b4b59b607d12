// Makes the row of one attempt.

import type { AttemptResult } from './deliver.ts';
import type { Turn, TurnEvent, TurnFailure } from './turn.ts';

export type FinishedAttempt = {
  id: string;
  turn: Pick<Turn, 'endpoint' | 'configuration' | 'generation' | 'resumes' | 'origin' | 'replayId'>;
  event: Pick<TurnEvent, 'id' | 'type' | 'position' | 'previous'>;
  /** This attempt's number, from 1. */
  attempt: number;
  result: Pick<
    AttemptResult,
    | 'createdAt'
    | 'completedAt'
    | 'latencyMs'
    | 'httpStatus'
    | 'errorMessage'
    | 'responseHeaders'
    | 'responseBody'
    | 'opening'
  >;
  failure: Pick<TurnFailure, 'status' | 'waitMs' | 'pause'> | null;
  /** As it was sent; absent or null when none was. */
  traceparent?: string | null;
};

/** A row of webhook_deliveries without what its batch has, and `recorded_at`, which the database sets. */
export type DeliveryRow = ReturnType<typeof deliveryRow>;

export function deliveryRow({ id, turn, event, attempt, result, failure, traceparent = null }: FinishedAttempt) {
  const { opening } = result;
  return {
    id,
    eventId: event.id,
    eventType: event.type,
    endpointId: turn.endpoint.id,
    endpointUrl: turn.endpoint.url,
    status: failure?.status ?? ('delivered' as const),
    httpStatus: result.httpStatus,
    errorMessage: result.errorMessage,
    attemptCount: attempt,
    latencyMs: result.latencyMs,
    createdAt: result.createdAt,
    completedAt: result.completedAt,
    responseBody: result.responseBody,
    responseHeaders: result.responseHeaders,
    dnsMs: opening && opening.dnsMs,
    connectMs: opening && opening.connectMs,
    tlsMs: opening && opening.tlsMs,
    remoteAddress: opening && opening.remoteAddress,
    position: event.position,
    previous: event.previous,
    configuration: turn.configuration,
    generation: turn.generation,
    resumes: turn.resumes,
    origin: turn.origin,
    replayId: turn.replayId,
    // None is known where a pause follows.
    waitMs: failure?.status === 'retrying' && failure.pause === null ? failure.waitMs : null,
    traceparent,
  };
}
