// Says in words when endpoints give an event up, or hold it, for `tidings check`.

import { givesUpAfterMs } from '../policy/retry.ts';
import { durationText } from '../settings/duration.ts';
import type { EndpointSettings } from '../settings/endpoint.ts';

/** Ids that are named in one line. */
const mostIds = 20;

/** One line for each time that enabled endpoints come to, shortest first; those that hold an event last. */
export function givesUpLines(endpoints: readonly EndpointSettings[]): string[] {
  return (['skip', 'hold'] as const).flatMap((then) => {
    const byTime = Map.groupBy(
      endpoints.filter(({ enabled, onExhausted }) => enabled && onExhausted === then),
      (endpoint) => givesUpAfterMs(endpoint),
    );
    const becomes = then === 'hold' ? 'held' : 'given up';
    return [...byTime]
      .toSorted(([one], [other]) => one - other)
      .map(([ms, some]) => `An event is ${becomes} ${durationText(ms)} after its first attempt by ${named(some)}.`);
  });
}

function named(endpoints: readonly { id: string }[]): string {
  const ids = endpoints.slice(0, mostIds).map(({ id }) => id);
  const more = endpoints.length - ids.length;
  return more === 0 ? ids.join(', ') : `${ids.join(', ')} and ${more} more`;
}
