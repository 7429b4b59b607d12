// Says what follows a failed attempt of a turn.

import { decideAfterFailure } from '../policy/retry.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';
import type { Turn, TurnFailure } from './turn.ts';

type OfTurn = Pick<Turn, 'origin'> & {
  endpoint: Pick<EndpointDelivery, 'maxRetries' | 'baseDelayMs' | 'maxDelayMs' | 'onExhausted'>;
};

/** Only the line holds an event: a replay or a test whose retries are spent is given up. */
export function failureOf(
  { origin, endpoint }: OfTurn,
  attempt: number,
  answer: { gone: boolean; retryAfterMs: number | null },
): TurnFailure {
  const { maxRetries, baseDelayMs, maxDelayMs } = endpoint;
  const onExhausted = origin === 'line' ? endpoint.onExhausted : 'skip';
  const next = decideAfterFailure({ ...answer, attempt, maxRetries, baseDelayMs, maxDelayMs, onExhausted });
  return next.status === 'failed' ? { ...next, attempt, waitMs: 0, pause: null } : { ...next, attempt };
}
