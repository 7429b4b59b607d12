// Records the attempt that was under way when its thread died.

import { newId } from '../model/new-id.ts';
import type { Attempts } from '../worker/attempts.ts';
import { deliveryRow } from '../worker/delivery-row.ts';
import type { Recorder } from '../worker/recorder.ts';
import type { EndedTurn, Turn } from '../worker/turn.ts';
import { failureOf } from '../worker/turn-failure.ts';

export type LostTurnParts = {
  recorder: Pick<Recorder, 'record'>;
  /** Hears of it when it is recorded, as the threads' own do of theirs. */
  attempts: Pick<Attempts, 'recorded'>;
};

/** The event that was on the wire when its thread died has used up an attempt. Otherwise one that kills threads would be sent for ever. */
export async function recordLost(
  turn: Turn,
  current: number,
  { recorder, attempts }: LostTurnParts,
): Promise<EndedTurn> {
  const event = turn.events[current]!;
  const attempt = current === 0 ? turn.attemptsBefore + 1 : 1;
  const failure = failureOf(turn, attempt, { gone: false, retryAfterMs: null });
  const lost = {
    createdAt: new Date(),
    completedAt: null,
    latencyMs: 0,
    httpStatus: null,
    errorMessage: 'worker lost: the delivery thread ended while this request was under way',
    responseHeaders: null,
    responseBody: null,
    opening: null,
  };
  const row = deliveryRow({ id: newId(), turn, event, attempt, result: lost, failure });
  await recorder.record({ row, pause: failure.pause, leaseEpoch: turn.lease.epoch });
  attempts.recorded(row);
  const settled = failure.status === 'failed' ? 1 : 0;
  return { report: { settled, failure }, latenciesMs: [row.latencyMs] };
}
