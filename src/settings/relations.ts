// Settings that are each valid but cost something together.

import type { Endpoint } from './endpoint.ts';

export type Relations = { shutdownGraceMs: number; deliveryRetentionMs: number; endpoints: readonly Endpoint[] };

/** Events stay at least this long, because the same idempotency key finds the same event for a day. */
export const leastRetentionMs = 2 * 24 * 60 * 60 * 1000;

/** Sentences for the log, one for each relation; none stops a start. */
export function relationWarnings({ shutdownGraceMs, deliveryRetentionMs, endpoints }: Relations): string[] {
  const enabled = endpoints.filter(({ enabled: on }) => on);
  const slowest = enabled.toSorted((one, other) => other.timeoutMs - one.timeoutMs)[0];
  const warnings: string[] = [];
  if (slowest !== undefined && slowest.timeoutMs > shutdownGraceMs) {
    warnings.push(
      `SHUTDOWN_GRACE (${shutdownGraceMs} ms) is shorter than the timeout of the endpoint "${slowest.id}" ` +
        `(${slowest.timeoutMs} ms): an attempt that a stop cuts off is repeated at the next start`,
    );
  }
  if (deliveryRetentionMs < leastRetentionMs) {
    warnings.push(
      `DELIVERY_RETENTION (${deliveryRetentionMs} ms) is shorter than two days: events and deliveries are kept for two ` +
        'days, because an idempotency key must find its event for one',
    );
  }
  return warnings;
}
