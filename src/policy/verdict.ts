// Decides what an endpoint's status code means for an attempt.

export type Verdict = 'delivered' | 'failed' | 'gone';

/** Exactly 2xx is success; 410 says that the endpoint is gone; anything else, or no answer (null), has failed. */
export function verdictOf(status: number | null): Verdict {
  if (status === null) return 'failed';
  if (status >= 200 && status <= 299) return 'delivered';
  return status === 410 ? 'gone' : 'failed';
}

/** Whether a `Retry-After` header counts with this status. */
export function mayDefer(status: number): boolean {
  return status === 429 || status === 503;
}
