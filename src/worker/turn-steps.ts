// Decides what a running turn does next: it sends an event, waits for a row, or ends.
//
// Pure: the time and the shared words are asked, and what became of a request is told.

import type { Verdict } from '../policy/verdict.ts';
import { decideAfterFailure } from '../policy/retry.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';
import type { Control } from './control.ts';
import type { Turn, TurnFailure, TurnReport } from './turn.ts';

/** A turn ends by itself after this long, so that its endpoint's cursor moves and others get the slot. */
const turnMs = 150;

/** Answers of one turn that may not be durable yet. */
const maxUnwritten = 16;

export type Step =
  | { do: 'send'; index: number; attempt: number }
  /** Until a row is written. */
  | { do: 'wait' }
  | { do: 'end'; report: TurnReport };

/** What it needs to know of an answer. */
export type Answered = { verdict: Verdict; retryAfterMs: number | null; errorMessage: string | null };

export type TurnSteps = {
  next(): Step;
  /** Whether a request may begin: asked once more when its connection is there, which can take long. */
  mayBegin(): boolean;
  /** The connection came too late: nothing was sent. */
  calledOff(): void;
  /** Takes the answer to what was sent; says how its row fails, or null when it is delivered. */
  answered(answer: Answered): TurnFailure | null;
  /** The row of one answer is durable. */
  written(): void;
};

export function createTurnSteps(
  turn: Pick<Turn, 'slot' | 'lease' | 'attemptsBefore'> & {
    receiver: Pick<EndpointDelivery, 'maxRetries' | 'baseDelayMs' | 'maxDelayMs'>;
    events: { readonly length: number };
  },
  { now, control }: { now(): number; control: Pick<Control, 'stopped' | 'trusts'> },
): TurnSteps {
  const endAt = now() + turnMs;
  let index = 0;
  let unwritten = 0;
  let settled = 0;
  let failure: TurnFailure | null = null;
  let over = false;

  function mayGoOn(): boolean {
    if (failure || index >= turn.events.length) return false;
    return mayBegin() && (index === 0 || now() <= endAt);
  }

  function mayBegin(): boolean {
    return !control.stopped(turn.slot) && control.trusts(turn.lease);
  }

  const attemptOf = () => (index === 0 ? turn.attemptsBefore + 1 : 1);

  return {
    next() {
      if (unwritten >= maxUnwritten) return { do: 'wait' };
      over ||= !mayGoOn();
      if (!over) return { do: 'send', index, attempt: attemptOf() };
      return unwritten > 0 ? { do: 'wait' } : { do: 'end', report: { settled, failure } };
    },
    mayBegin,
    calledOff() {
      over = true;
    },
    answered(answer) {
      failure = failureOf(answer, attemptOf(), turn.receiver);
      if (failure?.status !== 'retrying') settled += 1;
      index += 1;
      unwritten += 1;
      return failure;
    },
    written() {
      unwritten -= 1;
    },
  };
}

function failureOf(
  { verdict, retryAfterMs, errorMessage }: Answered,
  attempt: number,
  { maxRetries, baseDelayMs, maxDelayMs }: Pick<EndpointDelivery, 'maxRetries' | 'baseDelayMs' | 'maxDelayMs'>,
): TurnFailure | null {
  if (verdict === 'delivered') return null;
  const gone = verdict === 'gone';
  const next = decideAfterFailure({ attempt, maxRetries, baseDelayMs, maxDelayMs, retryAfterMs, gone });
  const waitMs = next.status === 'retrying' ? next.waitMs : 0;
  return { status: next.status, attempt, waitMs, message: errorMessage ?? 'failed', gone };
}
