// A turn and the answers to it, made up, for tests of what is done with them.

import { randomUUIDv7 } from 'node:crypto';
import { type Control, openControl } from '../../src/worker/control.ts';
import type { AttemptResult } from '../../src/worker/deliver.ts';
import type { Turn } from '../../src/worker/turn.ts';

/** The lease of made-up turns. */
export const aLease: Turn['lease'] = { index: 0, epoch: 1 };

/** Trusts it until the test is over. */
export function trustALease(control: Pick<Control, 'trust'>): void {
  control.trust(aLease, 3_600_000);
}

/** A control memory in which it is trusted. */
export function openTrustingControl(): Control {
  const control = openControl();
  trustALease(control);
  return control;
}

export function makeTurn(
  events: number,
  { endpoint, ...given }: Partial<Omit<Turn, 'endpoint'>> & { endpoint?: Partial<Turn['endpoint']> } = {},
): Turn {
  return {
    slot: 0,
    lease: aLease,
    endpoint: {
      id: 'crm',
      url: 'https://crm.example.com/hooks',
      headers: {},
      tls: null,
      signing: ['standard'],
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      timeoutMs: 15_000,
      maxRetries: 5,
      baseDelayMs: 1_000,
      maxDelayMs: 3_600_000,
      onExhausted: 'skip',
      ...endpoint,
    },
    configuration: 1,
    generation: 1,
    resumes: 0,
    origin: 'line',
    replayId: null,
    attemptsBefore: 0,
    events: Array.from({ length: events }, (_, index) => {
      return {
        id: randomUUIDv7(),
        type: 'order.paid',
        subject: null,
        payload: '{}',
        position: index + 1,
        previous: index,
        traceparent: null,
      };
    }),
    ...given,
  };
}

/** The result of an attempt that was answered with this status. */
export function resultOf(status: number, given: Partial<AttemptResult> = {}): AttemptResult {
  const createdAt = new Date();
  const accepted = status >= 200 && status <= 299;
  return {
    createdAt,
    completedAt: createdAt,
    latencyMs: 3.25,
    httpStatus: status,
    errorMessage: accepted ? null : `HTTP ${status}`,
    responseHeaders: null,
    responseBody: 'ok',
    opening: null,
    retryAfterMs: null,
    verdict: accepted ? 'delivered' : status === 410 ? 'gone' : 'failed',
    ...given,
  };
}
