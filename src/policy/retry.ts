// Decides whether and when a failed attempt is followed by another.

import { parseHttpDate } from './http-date.ts';

export type AfterFailure = { status: 'retrying'; waitMs: number } | { status: 'failed' };

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

/** After a 410 only a resume is waited for, so it is `retrying` with no wait, also at the last attempt. */
export function decideAfterFailure(failure: Failure): AfterFailure {
  if (failure.gone) return { status: 'retrying', waitMs: 0 };
  if (failure.attempt > failure.maxRetries) return { status: 'failed' };
  const backoff = backoffMs(failure.attempt - 1, failure.baseDelayMs, failure.maxDelayMs);
  return { status: 'retrying', waitMs: Math.min(Math.max(backoff, failure.retryAfterMs ?? 0), failure.maxDelayMs) };
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
