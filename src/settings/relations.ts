// Settings that are each right by themselves and cost something together.

import type { Endpoint } from './endpoint.ts';

export type Relations = { shutdownGraceMs: number; endpoints: readonly Endpoint[] };

/** Sentences for the log, one a relation; none of them stops a start. */
export function relationWarnings({ shutdownGraceMs, endpoints }: Relations): string[] {
  const enabled = endpoints.filter(({ enabled: on }) => on);
  const slowest = enabled.toSorted((one, other) => other.timeoutMs - one.timeoutMs)[0];
  if (slowest === undefined || slowest.timeoutMs <= shutdownGraceMs) return [];
  return [
    `SHUTDOWN_GRACE (${shutdownGraceMs} ms) is shorter than the timeout of the endpoint "${slowest.id}" ` +
      `(${slowest.timeoutMs} ms): an attempt that a stop cuts off is repeated at the next start`,
  ];
}
