// Decides whether and when a failed attempt is followed by another.

import { parseHttpDate } from './http-date.ts';

/** Why a failure pauses its endpoint: it answered 410, or the retries are spent and the event is held. */
export type FailurePause = 'gone' | 'exhausted';

/** With a pause the event stays the head, and nothing is waited for but the end of the pause. */
export type AfterFailure = { status: 'retrying'; waitMs: number; pause: FailurePause | null } | { status: 'failed' };

export type Failure = {
  /** This attempt's number, from 1. */
  attempt: number;
  /** Attempts allowed after the first. */
  maxRetries: number;
  baseDelayMs: number;
  /** Longest wait, for the backoff and for Retry-After. */
  maxDelayMs: number;
  /** The endpoint's Retry-After, or null. */
  retryAfterMs: number | null;
  /** The endpoint answered 410: it is paused, and the event is the first one sent after resume. */
  gone: boolean;
  /** When the retries are spent: skip gives the event up, hold keeps it and pauses the endpoint. */
  onExhausted: 'skip' | 'hold';
};

/** Wait before retry `k`, counted from 0: base * 2^k, at most `maxDelayMs`. */
export function backoffMs(k: number, baseDelayMs: number, maxDelayMs: number): number {
  // Above 2^1023 the power is Infinity, which the cap limits.
  return Math.min(baseDelayMs * 2 ** k, maxDelayMs);
}

/** All waits together, from the first attempt to giving up; the attempts themselves come on top. */
export function givesUpAfterMs({
  maxRetries,
  baseDelayMs,
  maxDelayMs,
}: Pick<Failure, 'maxRetries' | 'baseDelayMs' | 'maxDelayMs'>): number {
  let sum = 0;
  for (let k = 0; k < maxRetries; k += 1) sum += backoffMs(k, baseDelayMs, maxDelayMs);
  return sum;
}

/** A 410 pauses the endpoint also at the last attempt, whatever is to follow that. */
export function decideAfterFailure(failure: Failure): AfterFailure {
  if (failure.gone) return { status: 'retrying', waitMs: 0, pause: 'gone' };
  if (failure.attempt > failure.maxRetries) {
    return failure.onExhausted === 'hold'
      ? { status: 'retrying', waitMs: 0, pause: 'exhausted' }
      : { status: 'failed' };
  }
  const backoff = backoffMs(failure.attempt - 1, failure.baseDelayMs, failure.maxDelayMs);
  const waitMs = Math.min(Math.max(backoff, failure.retryAfterMs ?? 0), failure.maxDelayMs);
  return { status: 'retrying', waitMs, pause: null };
}

/**
 * Milliseconds a `Retry-After` asks for (RFC 9110, section 10.2.3): whole seconds or an HTTP date, 0 for one that has
 * passed. Anything else, and a header that came more than once, is null.
 */
export function parseRetryAfter(value: string | readonly string[] | undefined, nowMs: number): number | null {
  if (typeof value !== 'string') return value?.length === 1 ? parseRetryAfter(value[0], nowMs) : null;
  const text = value.trim();
  // A number too large for JavaScript becomes the largest safe integer, which the cap limits.
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, Number.MAX_SAFE_INTEGER);
  const date = parseHttpDate(text, nowMs);
  return date === null ? null : Math.max(0, date - nowMs);
}
