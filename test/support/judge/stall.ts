// How long an endpoint that answers at once had to wait for its events.

import { type History, type Line, type SeenRequest, isAccepted } from './history.ts';

/** The longest wait for the next event, from the settling of the one before it or from when it was there. */
export function longestWait(
  { events }: Pick<Line, 'events'>,
  sent: readonly SeenRequest[],
  { acknowledged }: Pick<History, 'acknowledged'>,
): { ms: number; position: number; at: number } {
  const acceptedAt = new Map<string, number>();
  for (const request of sent) {
    if (isAccepted(request) && !acceptedAt.has(request.eventId)) acceptedAt.set(request.eventId, request.begunAt);
  }
  const longest = { ms: 0, position: 0, at: 0 };
  let before = -Infinity;
  for (const { id, position } of events) {
    const at = acceptedAt.get(id);
    if (at === undefined) continue;
    const ms = at - Math.max(before, acknowledged.get(id) ?? at);
    if (ms > longest.ms) Object.assign(longest, { ms, position, at });
    before = Math.max(before, at);
  }
  return longest;
}
