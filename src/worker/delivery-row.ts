// Makes the row that tells of one attempt.

import type { Answer } from './deliver.ts';
import type { Turn, TurnEvent, TurnFailure } from './turn.ts';

export type AttemptMade = {
  id: string;
  turn: Pick<Turn, 'receiver' | 'generation' | 'resumes' | 'origin' | 'replayId'>;
  event: Pick<TurnEvent, 'id' | 'type' | 'position'>;
  /** This attempt's number, from 1. */
  attempt: number;
  answer: Pick<Answer, 'createdAt' | 'completedAt' | 'latencyMs' | 'httpStatus' | 'errorMessage' | 'responseBody'>;
  failure: Pick<TurnFailure, 'status' | 'waitMs'> | null;
};

/** A row of webhook_deliveries, but for when it was recorded, which the database adds. */
export type DeliveryRow = ReturnType<typeof deliveryRow>;

export function deliveryRow({ id, turn, event, attempt, answer, failure }: AttemptMade) {
  return {
    id,
    eventId: event.id,
    eventType: event.type,
    endpointId: turn.receiver.id,
    endpointUrl: turn.receiver.url,
    status: failure?.status ?? ('delivered' as const),
    httpStatus: answer.httpStatus,
    errorMessage: answer.errorMessage,
    attemptCount: attempt,
    latencyMs: answer.latencyMs,
    createdAt: answer.createdAt,
    completedAt: answer.completedAt,
    responseBody: answer.responseBody,
    position: event.position,
    generation: turn.generation,
    resumes: turn.resumes,
    origin: turn.origin,
    replayId: turn.replayId,
    waitMs: failure?.status === 'retrying' ? failure.waitMs : null,
  };
}
