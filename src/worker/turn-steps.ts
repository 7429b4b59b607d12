// Decides what a running turn does next: it sends an event, waits for a row, or ends.
//
// Pure: it asks for the time and the control memory, and is given the result of each attempt.

import type { EndpointDelivery } from '../settings/endpoint.ts';
import type { Control } from './control.ts';
import type { AttemptResult } from './deliver.ts';
import type { Turn, TurnFailure, TurnReport } from './turn.ts';
import { failureOf } from './turn-failure.ts';

/**
 * A turn begins no request after this long, so that its endpoint's cursor moves and other endpoints get the slot. The
 * dispatcher counts a turn as slow after 250 ms: what is left is for the last request and for the rows, so that a busy
 * endpoint that answers quickly does not count as slow.
 */
const turnMs = 150;

/** Most attempts of one turn whose rows are not durable yet. */
const mostUnrecorded = 16;

export type Step =
  | { do: 'send'; index: number; attempt: number }
  /** Until a row is durable. */
  | { do: 'wait' }
  | { do: 'end'; report: TurnReport };

type Result = Pick<AttemptResult, 'verdict' | 'retryAfterMs'>;

export type TurnSteps = {
  next(): Step;
  /** Whether a request may begin. Asked again when its connection is open, which can take long. */
  mayBegin(): boolean;
  /** Before sending: the attempt might no longer begin, and nothing was sent. The turn ends. */
  notSent(): void;
  /** Takes an attempt's result; gives its failure, or null when it was delivered. */
  attempted(result: Result): TurnFailure | null;
  /** The row of one attempt is durable. */
  recorded(): void;
};

export function createTurnSteps(
  turn: Pick<Turn, 'slot' | 'lease' | 'origin' | 'attemptsBefore'> & {
    endpoint: Pick<EndpointDelivery, 'maxRetries' | 'baseDelayMs' | 'maxDelayMs' | 'onExhausted'>;
    events: { readonly length: number };
  },
  { now, control }: { now(): number; control: Pick<Control, 'stopped' | 'trusts'> },
): TurnSteps {
  const endAt = now() + turnMs;
  let index = 0;
  let unrecorded = 0;
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
      if (unrecorded >= mostUnrecorded) return { do: 'wait' };
      over ||= !mayGoOn();
      if (!over) return { do: 'send', index, attempt: attemptOf() };
      return unrecorded > 0 ? { do: 'wait' } : { do: 'end', report: { settled, failure } };
    },
    mayBegin,
    notSent() {
      over = true;
    },
    attempted({ verdict, retryAfterMs }) {
      const gone = verdict === 'gone';
      failure = verdict === 'delivered' ? null : failureOf(turn, attemptOf(), { gone, retryAfterMs });
      if (failure?.status !== 'retrying') settled += 1;
      index += 1;
      unrecorded += 1;
      return failure;
    },
    recorded() {
      unrecorded -= 1;
    },
  };
}
