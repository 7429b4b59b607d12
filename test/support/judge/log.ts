// The log itself: its positions have no hole, it has what was acknowledged, and it follows the causes.

import type { History } from './history.ts';
import type { Say } from './verdict.ts';

export function checkLog({ events, after = 0, gaps = [], acknowledged, askedAt }: History, say: Say): void {
  const ids = new Set<string>();
  let position = after;
  for (const event of events) {
    position = pastGaps(position, gaps) + 1;
    if (event.position > position) say('lost', `a gap at ${event.id}`);
    else if (event.position < position) say('phantom', `${event.id} is at ${event.position}, where it may not be`);
    if (ids.has(event.id)) say('phantom', `${event.id} has two positions`);
    ids.add(event.id);
    position = event.position;
  }
  for (const id of acknowledged.keys()) if (!ids.has(id)) say('lost', `${id} was acknowledged and is not there`);
  if (askedAt) checkCauses({ events, acknowledged, askedAt }, say);
}

function pastGaps(position: number, gaps: NonNullable<History['gaps']>): number {
  const gap = gaps.find(({ first, last }) => first <= position + 1 && position < last);
  return gap ? pastGaps(gap.last, gaps) : position;
}

/** What was acknowledged before another event was asked for comes before that one. */
function checkCauses(
  { events, acknowledged, askedAt }: Pick<History, 'events' | 'acknowledged'> & Required<Pick<History, 'askedAt'>>,
  say: Say,
): void {
  let youngest = { id: '', askedAt: -Infinity };
  for (const { id } of events) {
    const since = acknowledged.get(id);
    if (since !== undefined && since < youngest.askedAt) {
      say('disordered', `${youngest.id} comes before ${id}, which was there before it`);
    }
    const asked = askedAt.get(id);
    if (asked !== undefined && asked > youngest.askedAt) youngest = { id, askedAt: asked };
  }
}
