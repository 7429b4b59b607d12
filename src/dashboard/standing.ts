// Says in sentences how an endpoint stands: what it waits for, until when, and what ends the wait.

import { counted, countTo10000, fromNow, utcSecond } from './formats.ts';

export type Standing = {
  state: 'ACTIVE' | 'RETRYING' | 'PAUSED' | 'DISABLED';
  pauseReason: 'ADMIN' | 'GONE' | 'EXHAUSTED' | 'FAILING' | null;
  pausedAt: string | null;
  ordering: 'ENDPOINT' | 'SUBJECT' | 'NONE';
  backlog: number;
  oldestUnsettledAt: string | null;
  nextAttemptAt: string | null;
  lastError: string | null;
  owner: string | null;
};

const pauses = {
  ADMIN: 'An admin paused it',
  GONE: 'It answered 410 Gone, which means that it wants no more, so it was paused',
  EXHAUSTED: 'The retries of an event were spent, and on_exhausted is hold, so it was paused',
  FAILING: 'Every attempt failed for as long as pause_after allows, so it was paused',
} as const;

/** The first sentence says why, the others what follows from it. */
export function sentencesOf(endpoint: Standing, nowMs: number): string[] {
  const { state, owner } = endpoint;
  const said = [whyIn(endpoint, nowMs), waitingIn(endpoint, nowMs)];
  if (owner === null && state !== 'DISABLED') {
    said.push('No instance serves it at the moment: one takes it over within seconds, as long as any runs.');
  }
  return said.filter((sentence) => sentence !== '');
}

function whyIn({ state, pauseReason, pausedAt, ordering, nextAttemptAt, lastError }: Standing, nowMs: number): string {
  switch (state) {
    case 'DISABLED':
      return 'It is disabled: enabled is false in config/webhooks.yaml. Nothing is sent, and no place in the log is kept.';
    case 'PAUSED': {
      const when = pausedAt === null ? '' : ` at ${utcSecond(pausedAt)} UTC`;
      return `${pauses[pauseReason ?? 'ADMIN']}${when}. Nothing is sent until somebody presses Resume; it then goes on where it stopped.`;
    }
    case 'RETRYING': {
      const error = lastError === null ? '' : ` (${lastError})`;
      const what =
        ordering === 'ENDPOINT' ? 'Its next event failed' : 'A line of it is blocked, because its next event failed';
      const others = ordering === 'ENDPOINT' ? 'All later events wait for it.' : 'Its other lines go on.';
      const until =
        nextAttemptAt === null
          ? 'It waits for somebody to retry or skip it.'
          : `The next attempt is due ${dueIn(nextAttemptAt, nowMs)}.`;
      return `${what}${error}. ${until} ${others}`;
    }
    case 'ACTIVE':
  }
  return 'It is served: nothing is blocked.';
}

function waitingIn({ state, backlog, oldestUnsettledAt }: Standing, nowMs: number): string {
  if (state === 'DISABLED') return '';
  if (backlog === 0) return 'No event waits for it.';
  const many = backlog >= 10_000 ? `${countTo10000(backlog)} events` : counted(backlog, 'event');
  const since = oldestUnsettledAt === null ? '' : `; the oldest was recorded ${fromNow(oldestUnsettledAt, nowMs)}`;
  return `${many} ${backlog === 1 ? 'waits' : 'wait'} for it${since}.`;
}

function dueIn(at: string, nowMs: number): string {
  return Date.parse(at) <= nowMs ? 'now' : `${fromNow(at, nowMs)}, at ${utcSecond(at)} UTC`;
}
