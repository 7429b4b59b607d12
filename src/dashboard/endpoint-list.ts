// The endpoints as they come from the API, page by page, and the order in which they are shown.

import type { EndpointRow, EndpointState } from './documents/endpoints.ts';

/** The API gives 200 at most; fewer are there sooner. */
export const pageSize = 100;

/** Those who need somebody come first, also while the others are still on their way. */
export const urgentFirst: readonly (readonly EndpointState[])[] = [['PAUSED', 'RETRYING'], ['ACTIVE'], ['DISABLED']];

export const sortNames = ['id', 'state', 'backlog', 'oldest', 'success', 'p50', 'p95'] as const;
export type SortName = (typeof sortNames)[number];

/** The first is the worst: what needs a person, what is blocked, what has the longest queue, what fails most. */
const badness: Record<EndpointState, number> = { PAUSED: 0, RETRYING: 1, ACTIVE: 2, DISABLED: 3 };

/** In the order of badness; an admin's pause was meant, so it comes after the others. */
function compareByBadness(one: EndpointRow, other: EndpointRow): number {
  return (
    badness[one.state] - badness[other.state] ||
    Number(one.pauseReason === 'ADMIN') - Number(other.pauseReason === 'ADMIN') ||
    other.backlog - one.backlog ||
    compareTimes(one.oldestUnsettledAt, other.oldestUnsettledAt) ||
    (successOf(one) ?? 1) - (successOf(other) ?? 1) ||
    compareTexts(one.id, other.id)
  );
}

/** From 0 to 1; null without an attempt. */
export function successOf({ stats }: Pick<EndpointRow, 'stats'>): number | null {
  return stats.attempts === 0 ? null : stats.delivered / stats.attempts;
}

const comparisons: Record<SortName, (one: EndpointRow, other: EndpointRow) => number> = {
  id: (one, other) => compareTexts(one.id, other.id),
  state: compareByBadness,
  backlog: (one, other) => one.backlog - other.backlog,
  oldest: (one, other) => compareTimes(one.oldestUnsettledAt, other.oldestUnsettledAt),
  success: (one, other) => (successOf(one) ?? 2) - (successOf(other) ?? 2),
  p50: (one, other) => (one.stats.latencyP50Ms ?? -1) - (other.stats.latencyP50Ms ?? -1),
  p95: (one, other) => (one.stats.latencyP95Ms ?? -1) - (other.stats.latencyP95Ms ?? -1),
};

/** The first `count` of them; `by` as it stands in the address: a column's name, after a minus for the other way. */
export function firstBy(rows: readonly EndpointRow[], by: string, count: number): EndpointRow[] {
  const { name, isDown } = sortingOf(by);
  const compare = comparisons[name];
  const before = (one: EndpointRow, other: EndpointRow) =>
    ((isDown ? -1 : 1) * compare(one, other) || compareByBadness(one, other)) < 0;
  // Of thousands only these are put in order, so that the page does not stop for it.
  const first: EndpointRow[] = [];
  for (const row of rows) {
    if (first.length === count && !before(row, first.at(-1)!)) continue;
    let [low, high] = [0, first.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(row, first[middle]!)) high = middle;
      else low = middle + 1;
    }
    first.splice(low, 0, row);
    if (first.length > count) first.pop();
  }
  return first;
}

export function sortingOf(by: string): { name: SortName; isDown: boolean } {
  const name = sortNames.find((one) => one === by.replace(/^-/, '')) ?? 'state';
  return { name, isDown: by.startsWith('-') };
}

/** Without a time nothing waits, so it comes last. */
function compareTimes(one: string | null, other: string | null): number {
  return compareTexts(one ?? '~', other ?? '~');
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
